"""The texts of an answer while it is being written: a `Call` is told what will most likely stay.

Only texts for people are told, by their place in the result, and only as far as they can be made plain (see
`texts`) whatever follows: an address is never told character by character before it is known to be one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.interviewer import Assessment, Plan, Report, validation
from app.interviewer.partial import Scanner
from app.interviewer.schemas import MOST_ITEMS
from app.interviewer.texts import plain, settled, shorten

Tell = Callable[[str, str], None]
Path = tuple[str | int, ...]
_LIMITS = {
    "summary": validation.SUMMARY,
    "comment": validation.COMMENT,
    "text": validation.QUESTION,
    "model_answer": validation.MODEL_ANSWER,
    "transcript": validation.TRANSCRIPT,
}
_LISTS = ("strengths", "gaps", "improvements", "advice")


def texts_of(result: Plan | Assessment | Report) -> Iterator[tuple[str, str]]:
    """All texts of a result that a preview may tell, with their JSON pointers, in order."""
    yield from _texts(asdict(result), ())


def _texts(value: Any, path: Path) -> Iterator[tuple[str, str]]:
    match value, path:
        case dict(), _:
            for name, each in value.items():
                yield from _texts(each, (*path, name))
        case tuple() | list(), _:
            for number, each in enumerate(value):
                yield from _texts(each, (*path, number))
        case str(), (*_, str(name)) if name in _LIMITS and value:
            yield pointer_of(path), value
        case str(), (*_, str(name), int()) if name in _LISTS:
            yield pointer_of(path), value


def pointer_of(path: Path) -> str:
    """A JSON pointer of steps that need no escaping, as all of ours."""
    return "".join(f"/{step}" for step in path)


@dataclass
class _Shown:
    raw: str = ""
    told: str = ""


class Preview:
    """One answer's.

    :param tell: takes a JSON pointer into the result and the characters that are added there.
    :param own: what the person wrote.
    :param keys: the criteria, in the order of the result.
    :param questions: how many questions are wanted; what a model writes beyond is not told.
    """

    def __init__(self, tell: Tell, own: str, keys: Sequence[str], questions: int = 0) -> None:
        self._tell = tell
        self._own = own
        self._keys = list(keys)
        self._questions = questions
        self._scanner = Scanner()
        self._shown: dict[str, _Shown] = {}

    def feed(self, text: str) -> None:
        """Take more of the answer's text and tell what follows from it."""
        for piece in self._scanner.feed(text):
            if (found := self._place(piece.path)) is None:
                continue
            pointer, limit = found
            shown = self._shown.setdefault(pointer, _Shown())
            if len(shown.raw) > 4 * limit:  # endless: what counts was told long ago
                continue
            shown.raw += piece.text
            sure = shown.raw if piece.end else shown.raw[: settled(shown.raw)]
            new = shorten(plain(sure, self._own), limit)
            if len(new) > len(shown.told) and new.startswith(shown.told):
                self._tell(pointer, new[len(shown.told) :])
                shown.told = new

    def _place(self, path: Path) -> tuple[str, int] | None:
        """The pointer into the result, and the most characters there; None for what is not told."""
        match path:
            case ("questions", int(number), "text") if number < self._questions:
                return pointer_of(path), _LIMITS["text"]
            case (*before, "criteria", str(key), "comment") if key in self._keys:
                place = (*before, "criteria", self._keys.index(key), "comment")
                return pointer_of(place), _LIMITS["comment"]
            case (*_, str(name), int(number)) if name in _LISTS and number < MOST_ITEMS:
                return pointer_of(path), validation.ITEM
            case ("summary" | "transcript",) | ("feedback", "model_answer") | ("follow_up", "text"):
                return pointer_of(path), _LIMITS[str(path[-1])]
        return None
