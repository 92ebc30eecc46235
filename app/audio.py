"""Which kind of audio a file is, by its first bytes: what a client says of it is not relied on."""

from __future__ import annotations

_STARTS = (
    (b"ID3", "audio/mp3"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)


def media_type(data: bytes) -> str | None:
    """One of `app.interviewer.AUDIO_TYPES`; None for anything else, what browsers record as webm too."""
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    return _frame(data[:3])


def _frame(header: bytes) -> str | None:
    """Of a file without a head, by its first frame: some bits are set, and some values mean nothing.

    A byte order mark of UTF-16 has the bits of MPEG audio too, and a layer that nobody records in.
    """
    if len(header) < 3 or header[0] != 0xFF:
        return None
    if header[1] & 0xF6 == 0xF0:  # ADTS: twelve bits set, layer 0
        return "audio/aac" if header[2] >> 2 & 0xF < 13 else None  # the rate's index
    if (
        header[1] & 0xE6 == 0xE2 and header[1] & 0x18 != 0x08
    ):  # eleven set, a version that there is, layer III
        return "audio/mp3" if header[2] >> 4 != 0xF and header[2] & 0x0C != 0x0C else None
    return None
