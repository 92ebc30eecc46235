"""What a model must answer, in the subset of OpenAPI that its service takes as a response schema.

The criteria are an object with one property for each, not a list: a list could leave one out, or invent one.
"""

from __future__ import annotations

from app.interviewer import KINDS, Brief
from app.interviewer.catalogue import criteria
from app.interviewer.wire import Schema
from app.languages import Language

MOST_ITEMS = 5  # of a list of strengths, gaps, improvements


def text(description: str = "") -> Schema:
    """A string."""
    return {"type": "STRING"} | ({"description": description} if description else {})


def record(properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object; all but the optional properties are required."""
    required = [name for name in properties if name not in optional]
    return {"type": "OBJECT", "properties": properties, "required": required}


def items(schema: Schema, low: int, high: int) -> Schema:
    """A list of so many."""
    return {"type": "ARRAY", "items": schema, "minItems": low, "maxItems": high}


def wanted_kinds(brief: Brief) -> tuple[str, ...]:
    """The kinds of question that a brief leaves open."""
    return brief.kinds or KINDS


def plan(brief: Brief) -> Schema:
    """`{summary, strengths, gaps, questions: [{kind, text, basis}]}`."""
    question = record(
        {
            "kind": {"type": "STRING", "format": "enum", "enum": list(wanted_kinds(brief))},
            "text": text(),
            "basis": text("Words of the resume, verbatim; empty where the question rests on none."),
        }
    )
    return record(
        {
            "summary": text(),
            "strengths": items(text(), 1, MOST_ITEMS),
            "gaps": items(text(), 1, MOST_ITEMS),
            "questions": items(question, brief.questions, brief.questions),
        }
    )


def assessment(language: Language, *, spoken: bool, follow_up: bool) -> Schema:
    """`{feedback: {criteria: {<key>: {comment, evidence, score}}, strengths, improvements, model_answer}}`,
    and `transcript` of a spoken answer, `follow_up: {text, basis}` where one is wanted."""
    judgement = record(
        {
            "comment": text(),
            "evidence": text("Words of the answer, verbatim; empty where there are none."),
            "score": {"type": "INTEGER", "description": "1 to 5"},
        }
    )
    properties: dict[str, Schema] = {}
    if spoken:
        properties["transcript"] = text("Everything that was said, word for word; empty where nothing was.")
    properties["feedback"] = record(
        {
            "criteria": record({each.key: judgement for each in criteria(language)}),
            "strengths": items(text(), 0, MOST_ITEMS),
            "improvements": items(text(), 0, MOST_ITEMS),
            "model_answer": text(),
        }
    )
    if follow_up:
        properties["follow_up"] = record(
            {"text": text(), "basis": text("Words of the answer, verbatim; or empty.")}
        )
    return record(properties)


def report(keys: tuple[str, ...]) -> Schema:
    """`{summary, criteria: {<key>: {comment}}, strengths, advice}`."""
    return record(
        {
            "summary": text(),
            "criteria": record({key: record({"comment": text()}) for key in keys}),
            "strengths": items(text(), 0, MOST_ITEMS),
            "advice": items(text(), 1, MOST_ITEMS),
        }
    )
