"""A PDF's text, by pypdf; only ever imported in the child."""

from __future__ import annotations

import unicodedata
from io import BytesIO
from itertools import islice
from typing import Any, cast

from pypdf import PageObject, PdfReader, _cmap
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject

from app.resumes import Limits, ResumeError

SCANT = 30
"""Characters on a page, on average, below which pictures count as the content: scanners sign pages."""

# Encodings of Korean fonts that pypdf takes for UTF-16 (ISO 32000-1, table 118). The private name is tested.
_cmap._predefined_cmap.update(  # noqa: SLF001
    {
        f"/{name}-{direction}": "cp949"
        for name in ("KSC-EUC", "KSCms-UHC", "KSCms-UHC-HW", "KSCpc-EUC")
        for direction in "HV"
    }
)


def read(data: bytes, limits: Limits) -> dict[str, Any]:
    """`{format, text, scan}`.

    :raises ResumeError: and pypdf's errors, and whatever its parsing runs into.
    """
    try:
        reader = _opened(data)
        pages = _pages(reader, limits)
        text = _text(pages, limits)
    except LimitReachedError:
        raise ResumeError("resume-too-costly") from None
    scan = _is_scan(text, pages)
    return {"format": "pdf", "text": "" if scan else text, "scan": scan}


def _opened(data: bytes) -> PdfReader:
    try:
        reader = PdfReader(BytesIO(data))
        # Many a PDF is encrypted with an empty password, only to forbid printing.
        if reader.is_encrypted and not reader.decrypt(""):
            raise ResumeError("resume-encrypted")
    except (FileNotDecryptedError, DependencyError, NotImplementedError):  # also by certificate
        raise ResumeError("resume-encrypted") from None
    return reader


def _pages(reader: PdfReader, limits: Limits) -> list[PageObject]:
    # What the file says about itself is asked first, and then not believed.
    said = cast("DictionaryObject", reader.root_object["/Pages"]).get("/Count")
    if isinstance(said, int) and said > limits.pages:
        raise ResumeError("resume-too-many-pages", limit=limits.pages)
    pages = list(islice(reader.pages, limits.pages + 1))
    if len(pages) > limits.pages:
        raise ResumeError("resume-too-many-pages", limit=limits.pages)
    return pages


def _text(pages: list[PageObject], limits: Limits) -> str:
    texts: list[str] = []
    left = limits.raw
    for page in pages:
        texts.append(page.extract_text())
        left -= len(texts[-1]) + 1
        if left < 0:
            raise ResumeError("resume-too-much-text", limit=limits.text)
    text = "\n".join(texts)
    return text if _readable(text) else ""


def _readable(text: str) -> bool:
    """Not so where a font does not tell its characters, and the numbers of its glyphs come out instead."""
    seen = [character for character in text if not character.isspace()]
    odd = sum(c == "\ufffd" or unicodedata.category(c) in {"Cc", "Cn", "Co", "Cs"} for c in seen)
    return 10 * odd <= len(seen)


def _is_scan(text: str, pages: list[PageObject]) -> bool:
    length = sum(not character.isspace() for character in text)
    if length == 0:
        return any(_paints(page) for page in pages)  # also letters that were turned into outlines
    return length < SCANT * len(pages) and any(_has_pictures(page) for page in pages)


def _paints(page: PageObject) -> bool:
    contents = page.get_contents()
    return contents is not None and bool(contents.get_data().strip())


def _has_pictures(page: PageObject) -> bool:
    resources = page.get("/Resources")
    return isinstance(resources, DictionaryObject) and bool(resources.get("/XObject"))
