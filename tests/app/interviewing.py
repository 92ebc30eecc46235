"""What tests of interviewers share: a `Call` that remembers, a brief, and interviewers on the double."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Literal

from app.interviewer import Brief, Cancelled, Question
from app.interviewer.choice import choose
from app.interviewer.model import ModelInterviewer
from app.interviewer.wire import ModelConfig
from app.languages import Language
from tests.app.conftest import RESUMES
from tests.support.gemini import KEY, Gemini

Sdk = Literal["google-generativeai", "google-genai"]
SDKS: tuple[Sdk, ...] = ("google-generativeai", "google-genai")
LANGUAGES: tuple[Language, ...] = ("ko", "en")
QUESTION = Question("skill", "What did you do about latency, and with which tools?", "Redis")


class Calls:
    """A `Call` that remembers what it was told.

    :param cancel_at: the delta that finds out that nobody wants the result any more.
    :param refuse: what `permit` raises at its n-th call, by n.
    """

    def __init__(self, cancel_at: int | None = None, refuse: dict[int, Exception] | None = None) -> None:
        self.permits = 0
        self.pauses: list[tuple[float, bool]] = []
        self.deltas: list[tuple[str, str]] = []
        self._cancel_at = cancel_at
        self._refuse = refuse or {}

    def permit(self) -> None:
        self.permits += 1
        if self.permits in self._refuse:
            raise self._refuse[self.permits]

    def delta(self, path: str, text: str) -> None:
        self.deltas.append((path, text))
        if len(self.deltas) == self._cancel_at:
            raise Cancelled

    def pause(self, seconds: float, *, per_day: bool) -> None:
        self.pauses.append((seconds, per_day))

    def texts(self) -> dict[str, str]:
        """What the deltas come to, those that were voided left out."""
        texts: dict[str, str] = {}
        for path, text in self.deltas:
            if not path and not text:
                texts = {}
            else:
                texts[path] = texts.get(path, "") + text
        return texts

    def voids(self) -> int:
        """How often everything was told to begin anew."""
        return self.deltas.count(("", ""))


def brief(language: Language = "en", **changes: Any) -> Brief:
    """A brief for three questions, with changes."""
    given: dict[str, Any] = {
        "resume": RESUMES[language],
        "role": "backend engineer",
        "level": "mid",
        "language": language,
        "questions": 3,
    }
    return Brief(**given | changes)


@contextmanager
def on_double(gemini: Gemini, sdk: Sdk, **changes: Any) -> Iterator[ModelInterviewer]:
    """A model's interviewer whose service is the double; its connections are closed in the end."""
    given: dict[str, Any] = {"api_key": KEY, "sdk": sdk, "endpoint": gemini.url, "timeout": 20.0}
    interviewer = choose(ModelConfig(**given | changes))
    assert isinstance(interviewer, ModelInterviewer)
    with closing(interviewer):
        yield interviewer


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that hang on to it."""
    while True:
        yield error
        following = error.__cause__ or error.__context__
        if following is None:
            return
        error = following
