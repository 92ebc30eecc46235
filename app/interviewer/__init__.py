"""What an interviewer is: it asks on a resume, judges answers and sums up. One module here per kind.

An interviewer keeps nothing: all that it may know is handed to it, so that any process can go on where
another one stopped. It is handed a `Call` too, by which it asks for leave before it asks a model, and tells
what it has so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.languages import Language

Level = Literal["intern", "junior", "mid", "senior"]
Kind = Literal["experience", "skill", "achievement", "behaviour", "role", "follow-up"]
KINDS: tuple[Kind, ...] = ("experience", "skill", "achievement", "behaviour", "role")
"""The kinds of question that can be asked for."""


@dataclass(frozen=True)
class Brief:
    """Whom to interview, and how.

    :param resume: its text, cleaned; empty where the resume is a scan, which is then in `document`.
    :param role: the role applied for.
    :param questions: how many, 1 to 10; follow-ups are not counted.
    :param kinds: the kinds of question wanted; all where empty.
    :param persona: the key of a persona in `personas.<language>.json`.
    :param document: a PDF without a text layer; given to `ask` only.
    :param summary: what `ask` made of the resume (`Plan.summary`); empty before.
    """

    resume: str
    role: str
    level: Level
    language: Language
    questions: int
    kinds: tuple[Kind, ...] = ()
    persona: str = "friendly"
    document: bytes | None = None
    summary: str = ""


@dataclass(frozen=True)
class Question:
    """One question; `basis` quotes the part of the resume (or of the answer) that it is asked on."""

    kind: Kind
    text: str
    basis: str | None = None


@dataclass(frozen=True)
class Plan:
    """What was made of a resume.

    :param summary: the person's profile in a few sentences.
    :param strengths: what speaks for them in this role; :param gaps: what an interviewer would ask about.
    """

    summary: str
    strengths: tuple[str, ...]
    gaps: tuple[str, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Judgement:
    """One criterion's score (1..5), why, and the words of the answer that show it.

    :param criterion: a key of `criteria.<language>.json`; :param title: its name for people.
    :param evidence: a verbatim quotation from the answer; None where it holds none.
    """

    criterion: str
    title: str
    score: int
    comment: str
    evidence: str | None = None


@dataclass(frozen=True)
class Feedback:
    """What an answer was worth.

    :param model_answer: how this person could have answered, from the facts that they gave; empty where the
        interviewer cannot write one.
    """

    criteria: tuple[Judgement, ...]
    strengths: tuple[str, ...]
    improvements: tuple[str, ...]
    model_answer: str = ""


@dataclass(frozen=True)
class Audio:
    """A spoken answer: one of `AUDIO_TYPES`."""

    media_type: str
    data: bytes


AUDIO_TYPES = ("audio/wav", "audio/mp3", "audio/ogg", "audio/flac", "audio/aac", "audio/aiff")


@dataclass(frozen=True)
class Assessment:
    """Feedback on one answer.

    :param follow_up: a question that asks on; None where none was wanted, or none is needed.
    :param transcript: what was said, of a spoken answer; None of a written one.
    """

    feedback: Feedback
    follow_up: Question | None = None
    transcript: str | None = None


@dataclass(frozen=True)
class Turn:
    """A question with its answer in words and the feedback on it."""

    question: Question
    answer: str
    feedback: Feedback


@dataclass(frozen=True)
class Report:
    """The whole interview, summed up.

    :param overall: 0 to 100, worked out from the scores of all turns by `scores`, not by a model.
    :param criteria: one for each criterion: the rounded mean of its scores, `evidence` the best one quoted.
    :param advice: what to practise next, the most important first.
    """

    overall: int
    summary: str
    criteria: tuple[Judgement, ...]
    strengths: tuple[str, ...]
    advice: tuple[str, ...]


class Cancelled(Exception):
    """Nobody wants the result any more; raised by a `Call`, passed on by an interviewer."""


class Call(Protocol):
    """What an interviewer is handed for one piece of work; every method may raise `Cancelled`."""

    def permit(self) -> None:
        """Wait until a model may be asked once: to be called before every request to it, a repair's too.

        :raises QuotaExhausted: that would take too long.
        """

    def delta(self, path: str, text: str) -> None:
        """Tell a piece of the result as it is generated.

        A preview: the result that is returned is what counts, and it has more (scores, quotations). A path of
        '' with a text of '' voids all deltas before it: the model is asked anew and its texts begin again.

        :param path: the JSON pointer of a text in the result: `/questions/0/text`,
            `/feedback/criteria/1/comment`.
        :param text: what is added to its end; plain text.
        """

    def pause(self, seconds: float, *, per_day: bool) -> None:
        """The model's service asked everybody to wait: told before `QuotaExhausted` is raised for a 429."""


class Interviewer(Protocol):
    """The seam: rules offline, or a model. All raise `app.interviewer.errors.ModelError`, and `Cancelled`."""

    name: str
    """`offline`, or the model's id."""

    hears: bool
    """Whether it takes spoken answers."""

    def note(self, language: Language) -> str:
        """What a person must know about this interviewer, one or two sentences."""

    def ask(self, brief: Brief, call: Call) -> Plan:
        """Analyse the resume and ask `brief.questions` questions on it: one request to the model."""

    def assess(
        self, brief: Brief, question: Question, answer: str | Audio, call: Call, *, follow_up: bool
    ) -> Assessment:
        """Feedback on an answer: one request to the model.

        :param follow_up: whether a follow-up question is wanted.
        """

    def report(self, brief: Brief, turns: Sequence[Turn], call: Call) -> Report:
        """Sum up: one request to the model."""
