"""Requests as typed values, checked field by field so that one answer names everything to correct."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from app.interviewer import KINDS, Brief, Kind, Level
from app.interviewer.catalogue import personas
from app.languages import Language, as_language
from app.plain import clean
from app.problems import FieldError, Problem, invalid
from app.resumes import Resume

RESUME = (30, 20_000)  # characters
ROLE = (2, 100)
ANSWER = (1, 8_000)
QUESTIONS = (1, 10)
FOLLOW_UPS = (0, 3)  # that one question may have
NUMBER = (1, 1_000)
UNKNOWN = 10  # fields that we do not have and name: a body has room for thousands, and each is a sentence
IDEMPOTENCY_KEY = (16, 200)


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object.

    :raises Problem: 400 for anything else, however broken.
    """
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Problem(400, "invalid-json") from None
    if not isinstance(document, dict):
        raise Problem(400, "invalid-json")
    return document


def brief(document: dict[str, Any], fallback: Language, resume: Resume | None) -> tuple[Brief, int]:
    """What `POST /api/interviews` asks for, and how many follow-ups a question may have.

    Only the resume, the role and the consent must be given.

    :param resume: an uploaded one, which the document then does not hold.
    :raises Problem: 422 in the language that the document names, if it names one.
    """
    fields = ("role", "level", "language", "questions", "kinds", "persona", "follow_ups", "consent")
    form = _Form(document, fields if resume else ("resume", *fields))
    if resume is None:
        text = form.text("resume", RESUME)
    else:
        text = clean(resume.text)
        if resume.document is None and len(text) < RESUME[0]:
            form.wrong(
                "resume", "field.too-short", "remedy.text", length=len(text), low=RESUME[0], high=RESUME[1]
            )
    role = form.line("role", ROLE)
    level = form.choice("level", get_args(Level), "mid")
    language = form.choice("language", get_args(Language), fallback)
    questions = form.number("questions", QUESTIONS, 5)
    kinds = form.choices("kinds", KINDS)
    keys = [persona.key for persona in personas(fallback)]
    persona = form.choice("persona", keys, keys[0])
    depth = form.number("follow_ups", FOLLOW_UPS, 1)
    if document.get("consent") is not True:
        form.wrong(
            "consent", "field.no-consent" if "consent" in document else "field.missing", "remedy.consent"
        )
    form.finish(as_language(document.get("language")))
    made = Brief(
        resume=text,
        role=role,
        level=level,
        language=language,
        questions=questions,
        kinds=kinds,
        persona=persona,
        document=resume.document if resume else None,
    )
    return made, depth


def choices() -> dict[str, Any]:
    """What can be chosen, with the limits of numbers and texts: `{low, high}`."""
    return {
        "levels": get_args(Level),
        "languages": get_args(Language),
        "kinds": KINDS,
        "questions": dict(zip(("low", "high"), QUESTIONS, strict=True)),
        "follow_ups": dict(zip(("low", "high"), FOLLOW_UPS, strict=True)),
        "resume": dict(zip(("low", "high"), RESUME, strict=True)),
        "answer": dict(zip(("low", "high"), ANSWER, strict=True)),
    }


def from_fields(fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a form as the JSON document that they stand for: all of them are text there."""
    document: dict[str, Any] = dict(fields)
    for name in ("questions", "follow_ups", "question"):
        if name in document and document[name].isascii() and document[name].isdigit():
            document[name] = int(document[name][:9])
    if "consent" in document:
        document["consent"] = {"true": True, "on": True, "1": True}.get(
            document["consent"], document["consent"]
        )
    if "kinds" in document:
        document["kinds"] = [kind.strip() for kind in document["kinds"].split(",") if kind.strip()]
    return document


def spoken_answer(document: dict[str, Any], language: Language) -> int:
    """The question's number, of an answer whose audio is a file. :raises Problem: 422."""
    form = _Form(document, ("question",))
    question = form.number("question", NUMBER, None)
    form.finish(language)
    return question


def event_number(header: str | None) -> int:
    """The number in `Last-Event-ID`; 0 without one, or where it is not one of ours."""
    return int(header) if header and header.isascii() and header.isdigit() and len(header) < 10 else 0


def answer(document: dict[str, Any], language: Language) -> tuple[int, str]:
    """The question's number and the answer's text.

    :raises Problem: 422 in the interview's language.
    """
    form = _Form(document, ("question", "text"))
    question = form.number("question", NUMBER, None)
    text = form.text("text", ANSWER)
    form.finish(language)
    return question, text


def idempotency_key(header: str | None) -> str | None:
    """The request's Idempotency-Key, None without one.

    It must be long: it takes part in making the interview's token again for a retry.

    :raises Problem: 422.
    """
    if header is None:
        return None
    low, high = IDEMPOTENCY_KEY
    if not low <= len(header) <= high or not all("!" <= character <= "~" for character in header):
        raise invalid(FieldError("Idempotency-Key", "field.not-a-key", "remedy.key", {}))
    return header


class _Form:
    """Collects what is wrong with a document while it is read."""

    def __init__(self, document: dict[str, Any], fields: tuple[str, ...]) -> None:
        self._document = document
        self._errors: list[FieldError] = []
        for name in sorted(set(document) - set(fields))[:UNKNOWN]:
            shown = clean(name)[:40]
            self.wrong(shown, "field.unknown", "remedy.unknown", fields=", ".join(fields))

    def wrong(self, name: str, problem: str, remedy: str, **values: object) -> None:
        self._errors.append(FieldError(name, problem, remedy, values))

    def finish(self, language: Language | None) -> None:
        if self._errors:
            raise invalid(*self._errors, language=language)

    def text(self, name: str, limits: tuple[int, int]) -> str:
        low, high = limits
        value = self._document.get(name)
        if not isinstance(value, str):
            problem = "field.not-text" if name in self._document else "field.missing"
            self.wrong(name, problem, "remedy.text", low=low, high=high)
            return ""
        text = clean(value)
        if len(text) < low:
            self.wrong(name, "field.too-short", "remedy.text", length=len(text), low=low, high=high)
        elif len(text) > high:
            self.wrong(name, "field.too-long", "remedy.text", length=len(text), low=low, high=high)
        return text

    def line(self, name: str, limits: tuple[int, int]) -> str:
        """A text of one line: what is put into a sentence must not begin a new one."""
        return " ".join(self.text(name, limits).split())

    def choices(self, name: str, choices: Sequence[Kind]) -> tuple[Kind, ...]:
        """A list of choices, each once; all where none is named."""
        value = self._document.get(name, [])
        if isinstance(value, list) and all(isinstance(item, str) and item in choices for item in value):
            return tuple(choice for choice in choices if choice in value)
        self.wrong(name, "field.not-choices", "remedy.choices", choices=", ".join(choices))
        return ()

    def number(self, name: str, limits: tuple[int, int], default: int | None) -> int:
        low, high = limits
        value = self._document.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            if low <= value <= high:
                return value
            self.wrong(name, "field.out-of-range", "remedy.number", low=low, high=high)
        else:
            problem = "field.not-whole" if name in self._document else "field.missing"
            self.wrong(name, problem, "remedy.number", low=low, high=high)
        return low

    def choice(self, name: str, choices: Sequence[Any], default: Any) -> Any:
        value = self._document.get(name, default)
        if isinstance(value, str) and value in choices:
            return value
        self.wrong(name, "field.not-a-choice", "remedy.choice", choices=", ".join(choices))
        return default
