"""Scores are arithmetic, and both languages have the same criteria and personas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.interviewer import Feedback, Judgement, Question, Turn, catalogue, scores
from app.interviewer.catalogue import CatalogueError
from app.languages import Language

LANGUAGES: list[Language] = ["ko", "en"]


def turn(**given: int) -> Turn:
    judgements = tuple(
        Judgement(key, key.title(), score, "", f"{key}{score}") for key, score in given.items()
    )
    return Turn(Question("skill", "?"), "answer", Feedback(judgements, (), ()))


@pytest.mark.parametrize(
    ("given", "overall"),
    [
        ([{"a": 1, "b": 1}], 0),
        ([{"a": 5, "b": 5}], 100),
        ([{"a": 3, "b": 3}], 50),
        ([{"a": 1, "b": 5}, {"a": 1, "b": 5}], 50),
        ([{"a": 1}, {"a": 2}], 13),  # 12.5, upwards
        ([{"a": 1}, {"a": 1}, {"a": 2}], 8),
        ([{"a": 99}], 100),
        ([{"a": -7}], 0),
        ([{}], 0),
    ],
)
def test_the_overall_score_is_the_mean_from_0_to_100(given: list[dict[str, int]], overall: int) -> None:
    assert scores.overall([turn(**each) for each in given]) == overall


def test_a_criterion_has_its_rounded_mean_and_the_best_evidence() -> None:
    (a, b) = scores.means([turn(a=2, b=5), turn(a=3, b=4), turn(a=2, b=4)])
    assert (a.criterion, a.title, a.score, a.evidence) == ("a", "A", 2, "a3")
    assert (b.score, b.evidence) == (4, "b5")
    assert scores.means([turn(a=2), turn(a=3)])[0].score == 3  # halves upwards


@pytest.mark.parametrize("function", [scores.overall, scores.means])
def test_nothing_cannot_be_summed_up(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="at least one"):
        function([])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_has_what_is_promised(language: Language) -> None:
    assert [each.key for each in catalogue.criteria(language)] == [
        "relevance",
        "structure",
        "specificity",
        "result",
    ]
    assert all(len(set(each.scores)) == 5 and each.title for each in catalogue.criteria(language))
    assert {"friendly", "strict", "technical"} <= {each.key for each in catalogue.personas(language)}
    for each in catalogue.personas(language):
        assert each.title
        assert each.description
        assert catalogue.persona(each.key, language) is each
    with pytest.raises(KeyError):
        catalogue.persona("rude", language)


def test_languages_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "HERE", tmp_path)
    one = {"title": "t", "description": "d", "instructions": "i"}
    (tmp_path / "personas.en.json").write_text(json.dumps({"a": one}))
    (tmp_path / "personas.ko.json").write_text(json.dumps({"a": one, "b": one}))
    with pytest.raises(CatalogueError, match="differ"):
        catalogue.personas.__wrapped__("en")
    (tmp_path / "personas.ko.json").write_text(json.dumps({"a": {**one, "extra": ""}}))
    with pytest.raises(CatalogueError, match="differ"):
        catalogue.personas.__wrapped__("en")


def test_a_score_without_a_meaning_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "HERE", tmp_path)
    for language in LANGUAGES:
        (tmp_path / f"criteria.{language}.json").write_text(
            json.dumps({"a": {"title": "t", "scores": ["1"]}})
        )
    with pytest.raises(CatalogueError, match="meaning"):
        catalogue.criteria.__wrapped__("en")
