"""Text of DOCX and HWPX, both zipped XML; only ever imported in the child.

Nothing is unpacked but the parts that hold text, and those in pieces, so that sizes that lie are found out.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.parsers import expat

from app.resumes import Format, Limits, ResumeError

ENTRIES = 2000
UNPACKED = 200 * 2**20
"""Bytes that all entries together may say they have; pictures are most of that, and never unpacked."""
XML = 32 * 2**20
"""Bytes of XML that are parsed."""
DEPTH = 200
PIECE = 64 * 1024

_ENCRYPTED = 0x1  # a flag of a zip's entry


@dataclass(frozen=True)
class _Dialect:
    """Which elements mean what, by their names without namespaces.

    :param skipped: elements whose content is not shown, or is shown elsewhere too.
    :param signs: elements that stand for a character where text may stand.
    """

    skipped: frozenset[str]
    signs: Mapping[str, str]


_DOCX = _Dialect(
    frozenset({"Fallback", "moveFrom", "del"}), {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
)
_HWPX = _Dialect(
    frozenset({"hiddenComment"}),
    {"tab": " ", "lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"},
)


def read(data: bytes, limits: Limits) -> dict[str, Any]:
    """`{format, text, scan}`.

    :raises ResumeError: and what `zipfile` and expat raise for what is none of theirs.
    """
    with zipfile.ZipFile(BytesIO(data)) as archive:
        _check(archive)
        names = archive.namelist()
        kind: Format
        if documents := _matching(names, r"word/document(\d*)\.xml"):
            kind, dialect, parts = "docx", _DOCX, [*_matching(names, r"word/header(\d*)\.xml"), documents[0]]
        elif _is_hwpx(archive, names):
            kind, dialect, parts = "hwpx", _HWPX, _matching(names, r"Contents/section(\d+)\.xml")
        else:
            raise ResumeError("resume-unknown-format")
        words = _Words(limits, dialect)
        texts = [words.of(pieces) for pieces in _unpacked(archive, parts)]
    return {"format": kind, "text": "\n".join(dict.fromkeys(texts)), "scan": False}  # headers often repeat


def _check(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > ENTRIES or sum(entry.file_size for entry in entries) > UNPACKED:
        raise ResumeError("resume-too-costly")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise ResumeError("resume-encrypted")
    if len(set(archive.namelist())) < len(entries):  # which of two is meant, no two programs agree
        raise ResumeError("resume-broken")


def _matching(names: Sequence[str], pattern: str) -> list[str]:
    found = [match for name in names if (match := re.fullmatch(pattern, name))]
    return [match[0] for match in sorted(found, key=lambda match: int(match[1] or 0))]


def _is_hwpx(archive: zipfile.ZipFile, names: Sequence[str]) -> bool:
    if "mimetype" not in names or _beginning(archive, "mimetype").strip() != b"application/hwp+zip":
        return False
    manifest = "META-INF/manifest.xml"
    if manifest in names and b"encryption-data" in _beginning(archive, manifest):
        raise ResumeError("resume-encrypted")
    return True


def _beginning(archive: zipfile.ZipFile, name: str) -> bytes:
    return next(next(_unpacked(archive, [name])), b"")


def _unpacked(archive: zipfile.ZipFile, parts: Iterable[str]) -> Iterator[Iterator[bytes]]:
    """The pieces of each part, `XML` bytes in all."""
    left = XML

    def pieces(part: str) -> Iterator[bytes]:
        nonlocal left
        if archive.getinfo(part).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ResumeError(
                "resume-broken"
            )  # no office program writes others, whose memory the file decides
        with archive.open(part) as stream:
            while piece := stream.read(PIECE):
                left -= len(piece)
                if left < 0:
                    raise ResumeError("resume-too-costly")
                yield piece

    for part in parts:
        yield pieces(part)


class _Words:
    """Takes the text out of XML as it comes, so that no tree of it is ever built."""

    def __init__(self, limits: Limits, dialect: _Dialect) -> None:
        self._limits = limits
        self._dialect = dialect
        self._left = limits.raw
        self._text: list[str] = []
        self._path: list[str] = []
        self._hidden_from = 0  # the depth of the outermost element that is not shown; 0: none

    def of(self, pieces: Iterable[bytes]) -> str:
        """The text of one part."""
        self._text, self._path, self._hidden_from = [], [], 0
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse  # in any encoding: the parser itself has found it
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        for piece in pieces:
            parser.Parse(piece)
        parser.Parse(b"", True)
        return "".join(self._text).strip("\n")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        above = self._path[-2:]
        self._path.append(name)
        if len(self._path) > DEPTH:
            raise ResumeError("resume-broken")
        if self._hidden_from:
            return
        if name in self._dialect.skipped:
            self._hidden_from = len(self._path)
        elif name == "vanish" and above == ["r", "rPr"] and not _is_off(attributes):
            self._hidden_from = len(self._path) - 2  # the run: DOCX's hidden text
        elif name in self._dialect.signs and above[-1:] in (["r"], ["t"]):  # elsewhere a tab is a setting
            self._add(self._dialect.signs[name])

    def _end(self, tag: str) -> None:
        if self._hidden_from == len(self._path):
            self._hidden_from = 0
        elif not self._hidden_from and tag.rpartition(" ")[2] == "p":
            self._add("\n")
        self._path.pop()

    def _characters(self, text: str) -> None:
        if not self._hidden_from and "t" in self._path[-2:]:  # HWPX has marks with text of their own in it
            self._add(text)

    def _add(self, text: str) -> None:
        self._text.append(text)
        self._left -= len(text)
        if self._left < 0:
            raise ResumeError("resume-too-much-text", limit=self._limits.text)


def _is_off(attributes: Mapping[str, str]) -> bool:
    return any(value in {"0", "false", "off"} for value in attributes.values())


def _refuse(*_: object) -> None:
    raise ResumeError("resume-broken")
