"""What an interviewer is: it asks on a resume, and judges answers. One module of this package per kind.

An interviewer keeps nothing: all that it may know is handed to it, so that any process can go on where
another one stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from app.languages import Language

Level = Literal["intern", "junior", "mid", "senior"]
Kind = Literal["experience", "skill", "achievement", "behaviour", "role", "follow-up"]


@dataclass(frozen=True)
class Brief:
    """Whom to interview, and how: the resume's text, the role applied for, how many questions."""

    resume: str
    role: str
    level: Level
    language: Language
    questions: int


@dataclass(frozen=True)
class Question:
    """One question; `basis` quotes the part of the resume (or of the answer) that it is asked on."""

    kind: Kind
    text: str
    basis: str | None = None


@dataclass(frozen=True)
class Judgement:
    """One criterion's score (1..5), why, and the words of the answer that show it."""

    criterion: str
    title: str
    score: int
    comment: str
    evidence: str | None = None


@dataclass(frozen=True)
class Feedback:
    """What an answer was worth."""

    criteria: tuple[Judgement, ...]
    strengths: tuple[str, ...]
    improvements: tuple[str, ...]


class Interviewer(Protocol):
    """The seam: rules offline, or a model."""

    name: str

    def note(self, language: Language) -> str:
        """What a person must know about this interviewer, one or two sentences."""

    def ask(self, brief: Brief) -> tuple[Question, ...]:
        """`brief.questions` questions on the resume."""

    def assess(self, brief: Brief, question: Question, answer: str) -> tuple[Feedback, Question | None]:
        """Feedback on an answer, and a follow-up question; none where the question was a follow-up."""
