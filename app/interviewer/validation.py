"""A model's answer, checked: what is not as it was asked for is a fault, what can be mended is mended.

Every check goes over the whole document, so that the one request to repair it names all faults at once. A
fault names the place and the rule, and never quotes the answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.interviewer import KINDS, Assessment, Brief, Feedback, Judgement, Kind, Plan, Question, Report, Turn
from app.interviewer.catalogue import criteria
from app.interviewer.prompts import RULES
from app.interviewer.schemas import MOST_ITEMS, wanted_kinds
from app.interviewer.scores import LOWEST, clamp, means, overall
from app.interviewer.texts import plain, quotation, shorten, visible
from app.languages import Language

SUMMARY = 1500  # characters, here and below
ITEM = 400
QUESTION = 600
BASIS = 300
COMMENT = 800
MODEL_ANSWER = 3000
TRANSCRIPT = 8000
UNPROVEN = 3  # the highest score of a criterion for which the answer is not quoted
_RULES = [line.strip(" -") for line in RULES.splitlines() if len(line) >= 50 and "{" not in line]


class Invalid(Exception):
    """The answer cannot be used; `faults` has one sentence for each reason."""

    def __init__(self, *faults: str) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


class Reader:
    """Reads a document's values by their places and collects what is wrong with them.

    :param text: what the model wrote.
    :param own: what the person wrote.
    :raises Invalid: it is not a JSON object.
    """

    def __init__(self, text: str, own: str) -> None:
        self._own = own
        self._faults: list[str] = []
        try:
            document = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise Invalid("/: it is not one complete JSON object")
        self.document: dict[str, Any] = document

    def fault(self, place: str, rule: str) -> None:
        """Note a fault."""
        self._faults.append(f"{place}: {rule}")

    def finish(self) -> None:
        """:raises Invalid: with all faults."""
        if self._faults:
            raise Invalid(*self._faults)

    def record(self, value: Any, place: str, keys: Sequence[str]) -> dict[str, Any]:
        """An object with these keys and no others; that one is missing shows when it is read."""
        if not isinstance(value, dict):
            self.fault(place, "an object is missing")
            return {}
        if set(value) - set(keys):
            self.fault(place, f"it has keys other than {', '.join(keys)}")
        return value

    def text(self, value: Any, place: str, limit: int, *, empty: bool = False) -> str:
        """A text as plain text."""
        if not isinstance(value, str):
            self.fault(place, "a text is missing")
            return ""
        text = shorten(plain(value[: 4 * limit], self._own), limit)
        if not text and not empty:
            self.fault(place, "it is empty")
        if any(rule in " ".join(text.split()) for rule in _RULES):
            self.fault(place, "it repeats the system instruction")
        return text

    def texts(self, value: Any, place: str) -> tuple[str, ...]:
        """A list of texts; empty ones are left out."""
        found = [self.text(each, f"{place}/{n}", ITEM, empty=True) for n, each in self.items(value, place)]
        return tuple(each for each in found if each)[:MOST_ITEMS]

    def items(self, value: Any, place: str) -> list[tuple[int, Any]]:
        """A list, numbered."""
        if not isinstance(value, list):
            self.fault(place, "a list is missing")
            return []
        return list(enumerate(value[:50]))

    def score(self, value: Any, place: str) -> int:
        """A whole number, brought into the scale."""
        if isinstance(value, int) and not isinstance(value, bool):
            return clamp(value)
        if isinstance(value, float) and value.is_integer():
            return clamp(int(value))
        self.fault(place, "it is not a whole number from 1 to 5")
        return LOWEST

    def quotation(self, value: Any, place: str, source: str) -> str | None:
        """A quotation as it stands in the source; None where it does not, which is no fault."""
        if not isinstance(value, str):
            self.fault(place, "a text is missing")
            return None
        return quotation(value, source, BASIS)


def plan(text: str, brief: Brief, own: str) -> Plan:
    """What `schemas.plan` asks for; more questions than wanted are cut off.

    :raises Invalid:
    """
    reader = Reader(text, own)
    document = reader.record(reader.document, "/", ("summary", "strengths", "gaps", "questions"))
    result = Plan(
        reader.text(document.get("summary"), "/summary", SUMMARY),
        reader.texts(document.get("strengths"), "/strengths"),
        reader.texts(document.get("gaps"), "/gaps"),
        _questions(reader, document.get("questions"), brief),
    )
    reader.finish()
    return result


def assessment(text: str, language: Language, answer: str | None, own: str, *, follow_up: bool) -> Assessment:
    """What `schemas.assessment` asks for.

    :param answer: None where it was spoken: it is then in the document, written down.
    :raises Invalid:
    """
    reader = Reader(text, own)
    keys = (*(["transcript"] if answer is None else []), "feedback", *(["follow_up"] if follow_up else []))
    document = reader.record(reader.document, "/", keys)
    transcript = None
    if answer is None:
        transcript = reader.text(document.get("transcript"), "/transcript", TRANSCRIPT, empty=True)
    said = visible(answer or transcript or "")
    feedback = _feedback(reader, document.get("feedback"), language, said)
    further = _follow_up(reader, document.get("follow_up"), said) if follow_up else None
    reader.finish()
    return Assessment(feedback, further, transcript)


def report(text: str, turns: Sequence[Turn], own: str) -> Report:
    """What `schemas.report` asks for, with the scores worked out.

    :raises Invalid:
    """
    reader = Reader(text, own)
    document = reader.record(reader.document, "/", ("summary", "criteria", "strengths", "advice"))
    found = means(turns)
    entries = reader.record(document.get("criteria"), "/criteria", [each.criterion for each in found])
    judgements = []
    for mean in found:
        place = f"/criteria/{mean.criterion}"
        entry = reader.record(entries.get(mean.criterion), place, ("comment",))
        comment = reader.text(entry.get("comment"), f"{place}/comment", COMMENT)
        judgements.append(Judgement(mean.criterion, mean.title, mean.score, comment, mean.evidence))
    result = Report(
        overall(turns),
        reader.text(document.get("summary"), "/summary", SUMMARY),
        tuple(judgements),
        reader.texts(document.get("strengths"), "/strengths"),
        reader.texts(document.get("advice"), "/advice"),
    )
    reader.finish()
    return result


def _questions(reader: Reader, value: Any, brief: Brief) -> tuple[Question, ...]:
    kinds = wanted_kinds(brief)
    questions = []
    resume = visible(brief.resume)
    for number, each in reader.items(value, "/questions")[: brief.questions]:
        place = f"/questions/{number}"
        entry = reader.record(each, place, ("kind", "text", "basis"))
        if entry.get("kind") not in kinds:
            reader.fault(f"{place}/kind", f"it is none of {', '.join(kinds)}")
        text = reader.text(entry.get("text"), f"{place}/text", QUESTION)
        if resume:
            basis = reader.quotation(entry.get("basis"), f"{place}/basis", resume)
        else:  # of a scan there is no text to look it up in
            basis = reader.text(entry.get("basis"), f"{place}/basis", BASIS, empty=True) or None
        kind: Kind = next((kind for kind in KINDS if kind == entry.get("kind")), KINDS[0])
        questions.append(Question(kind, text, basis))
    if len(questions) < brief.questions:
        reader.fault("/questions", f"there are {len(questions)}, exactly {brief.questions} are wanted")
    if len({question.text for question in questions}) < len(questions):
        reader.fault("/questions", "two of them are the same")
    return tuple(questions)


def _feedback(reader: Reader, value: Any, language: Language, said: str) -> Feedback:
    place = "/feedback"
    entry = reader.record(value, place, ("criteria", "strengths", "improvements", "model_answer"))
    known = criteria(language)
    entries = reader.record(entry.get("criteria"), f"{place}/criteria", [each.key for each in known])
    judgements = []
    for criterion in known:
        where = f"{place}/criteria/{criterion.key}"
        each = reader.record(entries.get(criterion.key), where, ("comment", "evidence", "score"))
        comment = reader.text(each.get("comment"), f"{where}/comment", COMMENT)
        score = reader.score(each.get("score"), f"{where}/score")
        evidence = reader.quotation(each.get("evidence"), f"{where}/evidence", said)
        if evidence is None:
            score = min(score, UNPROVEN) if said else 1
        judgements.append(Judgement(criterion.key, criterion.title, score, comment, evidence))
    return Feedback(
        tuple(judgements),
        reader.texts(entry.get("strengths"), f"{place}/strengths"),
        reader.texts(entry.get("improvements"), f"{place}/improvements"),
        reader.text(entry.get("model_answer"), f"{place}/model_answer", MODEL_ANSWER, empty=True),
    )


def _follow_up(reader: Reader, value: Any, said: str) -> Question | None:
    entry = reader.record(value, "/follow_up", ("text", "basis"))
    text = reader.text(entry.get("text"), "/follow_up/text", QUESTION)
    return Question("follow-up", text, reader.quotation(entry.get("basis"), "/follow_up/basis", said))


def _no_number(name: str) -> float:
    raise ValueError(name)
