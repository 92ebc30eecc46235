"""The texts of a JSON document while it is still growing.

A lenient reader beside the strict one: it finds the string values in what has arrived so far, wherever it was
cut, and stops where the text is no JSON. What it tells is a preview; `json.loads` and the checks of
`validation` decide at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

MAX_DEPTH = 64
MAX_KEY = 200  # characters
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Piece:
    """Characters of a string value.

    :param path: the value's JSON pointer (RFC 6901).
    :param end: whether the value is complete.
    """

    path: tuple[str | int, ...]
    text: str
    end: bool


class _Expect(Enum):
    VALUE = auto()
    FIRST_VALUE = auto()  # or the end of an array
    FIRST_KEY = auto()  # or the end of an object
    KEY = auto()
    COLON = auto()
    NEXT = auto()  # a comma or an end
    TEXT = auto()
    NOTHING = auto()  # the document is complete, or it is no JSON


@dataclass
class _Level:
    is_object: bool
    step: str | int


class Scanner:
    """Fed with a JSON text piece by piece, tells the characters of its string values as they arrive."""

    def __init__(self) -> None:
        self._levels: list[_Level] = []
        self._expect = _Expect.VALUE
        self._is_key = False
        self._text: list[str] = []
        self._escape: str | None = None  # what of an escape has been read: "" after the backslash, "u12"
        self._high: int | None = None  # the first half of a surrogate pair

    def feed(self, text: str) -> Iterator[Piece]:
        """The string values, or parts of them, that these further characters hold."""
        for character in text:
            if self._expect is _Expect.NOTHING:
                return
            if self._expect is not _Expect.TEXT:
                self._structure(character)
            elif self._character(character) and (piece := self._end_of_string()) is not None:
                yield piece
        if self._expect is _Expect.TEXT and not self._is_key and self._text:
            yield Piece(self._path(), self._taken(), end=False)

    # -- between strings ---------------------------------------------------------

    def _structure(self, character: str) -> None:
        if character in " \t\r\n":
            return
        match self._expect, character:
            case _Expect.VALUE | _Expect.FIRST_VALUE | _Expect.KEY | _Expect.FIRST_KEY, '"':
                self._is_key = self._expect in {_Expect.KEY, _Expect.FIRST_KEY}
                self._text = []
                self._expect = _Expect.TEXT
            case _Expect.VALUE | _Expect.FIRST_VALUE, "{" | "[":
                self._open(is_object=character == "{")
            case _Expect.COLON, ":":
                self._expect = _Expect.VALUE
            case _Expect.NEXT, "," if self._levels:
                self._advance()
            case (_Expect.NEXT | _Expect.FIRST_KEY, "}") | (_Expect.NEXT | _Expect.FIRST_VALUE, "]"):
                self._close(is_object=character == "}")
            case ((_Expect.VALUE | _Expect.FIRST_VALUE), _) if character in "-0123456789tfn":
                # Numbers and literals: their other characters are passed over until a comma or an end.
                self._expect = _Expect.NEXT
            case _Expect.NEXT, _ if character in "0123456789+-.eEaflnrstu":
                pass
            case _:
                self._expect = _Expect.NOTHING

    def _open(self, *, is_object: bool) -> None:
        if len(self._levels) == MAX_DEPTH:
            self._expect = _Expect.NOTHING
            return
        self._levels.append(_Level(is_object, "" if is_object else 0))
        self._expect = _Expect.FIRST_KEY if is_object else _Expect.FIRST_VALUE

    def _close(self, *, is_object: bool) -> None:
        if not self._levels or self._levels[-1].is_object is not is_object:
            self._expect = _Expect.NOTHING
            return
        self._levels.pop()
        self._expect = _Expect.NEXT if self._levels else _Expect.NOTHING

    def _advance(self) -> None:
        level = self._levels[-1]
        if isinstance(level.step, int):
            level.step += 1
        self._expect = _Expect.KEY if level.is_object else _Expect.VALUE

    # -- inside of a string ------------------------------------------------------

    def _character(self, character: str) -> bool:
        """Take one; True when it ends the string."""
        if self._escape is not None:
            self._escaped(character)
        elif character == "\\":
            self._escape = ""
        elif character == '"':
            self._flush_half()
            return True
        elif character < " ":
            self._expect = _Expect.NOTHING
        else:
            self._flush_half()
            self._text.append(character)
        return False

    def _escaped(self, character: str) -> None:
        escape = f"{self._escape}{character}"
        if escape in _ESCAPES:
            self._flush_half()
            self._text.append(_ESCAPES[escape])
            self._escape = None
        elif escape == "u" or (escape[0] == "u" and character in "0123456789abcdefABCDEF"):
            self._escape = escape
            if len(escape) == 5:
                self._unit(int(escape[1:], 16))
                self._escape = None
        else:
            self._expect = _Expect.NOTHING

    def _unit(self, unit: int) -> None:
        """A UTF-16 code unit: two of them make a character beyond the first plane."""
        if self._high is not None and 0xDC00 <= unit < 0xE000:
            self._text.append(chr(0x10000 + ((self._high - 0xD800) << 10) + (unit - 0xDC00)))
            self._high = None
            return
        self._flush_half()
        if 0xD800 <= unit < 0xDC00:
            self._high = unit
        else:
            self._text.append(_REPLACEMENT if 0xDC00 <= unit < 0xE000 else chr(unit))

    def _flush_half(self) -> None:
        if self._high is not None:
            self._text.append(_REPLACEMENT)
            self._high = None

    def _end_of_string(self) -> Piece | None:
        text = self._taken()
        if not self._is_key:
            self._expect = _Expect.NEXT if self._levels else _Expect.NOTHING
            return Piece(self._path(), text, end=True)
        self._levels[-1].step = text
        self._expect = _Expect.COLON if len(text) <= MAX_KEY else _Expect.NOTHING
        return None

    def _taken(self) -> str:
        text = "".join(self._text)
        self._text = []
        return text

    def _path(self) -> tuple[str | int, ...]:
        return tuple(level.step for level in self._levels)
