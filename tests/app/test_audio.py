"""Recordings are told apart by what they begin with."""

from __future__ import annotations

import pytest

from app.audio import media_type
from app.interviewer import AUDIO_TYPES
from app.resumes.formats import container
from tests.support import resumes

KNOWN = {
    b"RIFF\x24\x08\0\0WAVEfmt ": "audio/wav",
    b"ID3\x04\0\0\0\0\0\x23TSSE": "audio/mp3",
    b"\xff\xfb\x90\x64\0": "audio/mp3",  # MPEG 1, 128 kbit/s, 44.1 kHz
    b"\xff\xf3\x48\xc4\0": "audio/mp3",  # MPEG 2, as voice recorders write it
    b"\xff\xe3\x18\xc4\0": "audio/mp3",  # MPEG 2.5
    b"OggS\0\x02\0\0": "audio/ogg",
    b"fLaC\0\0\0\x22": "audio/flac",
    b"\xff\xf1\x50\x80\x2e\x7f\xfc": "audio/aac",  # MPEG 4
    b"\xff\xf9\x50\x80\x2e\x7f\xfc": "audio/aac",  # MPEG 2
    b"FORM\0\0\x08\x24AIFFCOMM": "audio/aiff",
    b"FORM\0\0\x08\x24AIFCFVER": "audio/aiff",
}
UNKNOWN = {
    "nothing": b"",
    "one byte": b"\xff",
    "WebM": b"\x1a\x45\xdf\xa3\x9f",
    "MP4": b"\0\0\0\x20ftypM4A ",
    "a film": b"RIFF\x24\x08\0\0AVI LIST",
    "a picture in IFF": b"FORM\0\0\x08\x24ILBMBMHD",
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "text in UTF-16": "안녕하세요".encode("utf-16"),
    "0xFF": b"\xff" * 100,
    "text": b"I answered that",
    "HTML": b"<html>",
}


@pytest.mark.parametrize(("data", "expected"), KNOWN.items())
def test_a_recording_is_known_by_its_beginning(data: bytes, expected: str) -> None:
    assert media_type(data + bytes(100)) == expected


@pytest.mark.parametrize("name", UNKNOWN)
def test_anything_else_is_none(name: str) -> None:
    assert media_type(UNKNOWN[name]) is None


def test_each_of_the_types_that_are_taken_is_known() -> None:
    assert set(KNOWN.values()) == set(AUDIO_TYPES)


def test_no_resume_is_a_recording() -> None:
    for resume in (resumes.text_pdf(), resumes.docx_file("a"), resumes.hwpx_file()):
        assert container(resume)
        assert media_type(resume) is None
