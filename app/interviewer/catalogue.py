"""The personas and criteria there are: data files for each language, with the same keys in both.

personas.<language>.json   {key: {title, description, instructions}}   instructions are for the model
criteria.<language>.json   {key: {title, scores: [what 1 means, ..., what 5 means]}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from app.languages import Language

HERE = Path(__file__).parent
SCORES = (1, 2, 3, 4, 5)


class CatalogueError(Exception):
    """The data files contradict each other: a fault of the release, found by its tests."""


@dataclass(frozen=True)
class Persona:
    """How an interviewer behaves; `instructions` are for the model, the rest is for people."""

    key: str
    title: str
    description: str
    instructions: str


@dataclass(frozen=True)
class Criterion:
    """What answers are judged by; `scores` says what each of 1 to 5 means, in that order."""

    key: str
    title: str
    scores: tuple[str, ...]


@cache
def personas(language: Language) -> tuple[Persona, ...]:
    """The personas in a language, in the order in which they are to be shown.

    :raises CatalogueError: the languages do not have the same ones.
    """
    return tuple(Persona(key, **entry) for key, entry in _load("personas", language).items())


@cache
def criteria(language: Language) -> tuple[Criterion, ...]:
    """The criteria in a language, in the order in which they are to be shown.

    :raises CatalogueError: the languages do not have the same ones, or a score has no meaning.
    """
    found = tuple(
        Criterion(key, entry["title"], tuple(entry["scores"]))
        for key, entry in _load("criteria", language).items()
    )
    if any(len(criterion.scores) != len(SCORES) for criterion in found):
        raise CatalogueError(f"criteria.{language}.json: each of the scores {SCORES} needs a meaning")
    return found


def persona(key: str, language: Language) -> Persona:
    """One persona.

    :raises KeyError: there is none of that key.
    """
    return {each.key: each for each in personas(language)}[key]


def _load(name: str, language: Language) -> dict[str, dict[str, Any]]:
    documents: dict[str, dict[str, dict[str, Any]]] = {
        each: json.loads((HERE / f"{name}.{each}.json").read_text("utf-8")) for each in get_args(Language)
    }
    shapes = {each: [(key, sorted(entry)) for key, entry in documents[each].items()] for each in documents}
    if any(shape != shapes[language] for shape in shapes.values()):
        raise CatalogueError(f"{name}.*.json: the languages differ in keys: {shapes}")
    return documents[language]
