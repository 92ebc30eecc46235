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
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        # A frame's twelve set bits: ADTS has layer 0, MPEG audio another one.
        return "audio/aac" if data[1] & 0x06 == 0 else "audio/mp3"
    return None
