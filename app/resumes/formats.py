"""Which format bytes are in, by what they begin with and never by a name; and plain text's characters.

Each file is one thing only: what begins as a PDF is read as a PDF whatever follows, and what could be shown
as something else by a browser or an office program (HTML, RTF) is not taken for plain text.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal

from app.resumes import Limits, ResumeError

Container = Literal["pdf", "zip", "text"]

_PDF = re.compile(rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]{0,64}(%PDF-\d)")
_ZIP = b"PK\x03\x04"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # .doc, .hwp, and encrypted .docx
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")  # the stream that MS-OFFCRYPTO prescribes

# Text to the eye of a decoder, but a document to other programs. A PDF's header that is not at the beginning
# is one of those: some viewers look for it in the first 1,024 bytes.
_DISGUISED = re.compile(
    r"\s*(<!doctype|<\?xml|<svg|<head|<body|<script|<table|\{\\rtf|%!ps|mime-version:)"
    r"|.{0,1024}?(<html|%pdf-\d)",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f\ufffe\uffff]")
_HANGUL = re.compile("[가-힣]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")


def container(data: bytes) -> Container:
    """What to read the bytes as.

    :raises ResumeError: resume-empty, resume-encrypted (an office document's), resume-unknown-format.
    """
    if not data.strip(b"\x00\t\n\f\r "):
        raise ResumeError("resume-empty")
    if _PDF.match(data):
        return "pdf"
    if data.startswith(_ZIP):
        return "zip"
    if data.startswith(_OLE):
        raise ResumeError("resume-encrypted" if _ENCRYPTED_OFFICE in data else "resume-unknown-format")
    return "text"


def pdf(data: bytes) -> bytes:
    """The PDF without what stands before its header, from which its offsets count."""
    found = _PDF.match(data)
    return data[found.start(1) :] if found and found.start(1) else data


def plain_text(data: bytes, limits: Limits) -> str:
    """The characters of plain text: UTF-8, UTF-16 with a byte order mark, or Korean in CP949.

    :raises ResumeError: resume-unknown-format, resume-too-much-text.
    """
    # No encoding of ours takes more than four bytes for a character: what is longer need not be decoded.
    most = 4 * limits.raw
    text = _decode(data[:most], final=len(data) <= most)
    if text is None or _CONTROL.search(text) or _DISGUISED.match(text):
        raise ResumeError("resume-unknown-format")
    if len(data) > most:
        raise ResumeError("resume-too-much-text", limit=limits.text)
    return text


def _decode(data: bytes, *, final: bool) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _try(data, "utf-16", final)
    text = _try(data, "utf-8-sig", final)
    if text is None:
        text = _try(data, "cp949", final)
        # Western one-byte text often decodes too, to rare ideographs.
        if text is not None and 2 * len(_HANGUL.findall(text)) < len(_BEYOND_ASCII.findall(text)):
            return None
    return text


def _try(data: bytes, encoding: str, final: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, final)
    except UnicodeDecodeError:
        return None
