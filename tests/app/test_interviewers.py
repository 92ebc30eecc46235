"""What every interviewer keeps to, whoever it is: rules, or a model through either SDK (on the double)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.interviewer import KINDS, Assessment, Audio, Cancelled, Interviewer, Kind, Plan, Report, Turn, scores
from app.interviewer.catalogue import criteria, personas
from app.interviewer.choice import choose
from app.interviewer.errors import CannotHear
from app.interviewer.preview import texts_of
from app.interviewer.wire import ModelConfig
from app.languages import Language
from tests.app.conftest import ANSWERS, RESUMES, ROOT
from tests.app.interviewing import LANGUAGES, QUESTION, SDKS, Calls, brief, on_double
from tests.support.gemini import Gemini

pytestmark = pytest.mark.parametrize("language", LANGUAGES)
SPOKEN = Audio("audio/wav", b"RIFF....WAVE")


@pytest.fixture(scope="module")
def gemini() -> Iterator[Gemini]:
    with Gemini() as double:
        yield double


@pytest.fixture(scope="module", params=["offline", *SDKS])
def interviewer(request: pytest.FixtureRequest, gemini: Gemini) -> Iterator[Interviewer]:
    if request.param == "offline":
        yield choose(ModelConfig())
    else:
        with on_double(gemini, request.param) as model:
            yield model


@pytest.fixture(autouse=True)
def _anew(gemini: Gemini) -> None:
    gemini.forget()


def turns(interviewer: Interviewer, language: Language) -> list[Turn]:
    given = [ANSWERS[language], "Hm."]
    return [
        Turn(
            QUESTION,
            answer,
            interviewer.assess(brief(language), QUESTION, answer, Calls(), follow_up=False).feedback,
        )
        for answer in given
    ]


@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in KINDS), ("skill", "behaviour")])
@pytest.mark.parametrize("count", [1, pytest.param(5, marks=pytest.mark.soak), 10])
def test_it_asks_as_many_questions_as_wanted_of_the_kinds_wanted(
    interviewer: Interviewer, language: Language, kinds: tuple[Kind, ...], count: int
) -> None:
    plan = interviewer.ask(brief(language, kinds=kinds, questions=count), Calls())
    assert len(plan.questions) == count
    assert len({question.text for question in plan.questions}) == count
    assert {question.kind for question in plan.questions} <= set(kinds or KINDS)
    assert plan.summary
    assert plan.strengths
    assert plan.gaps


def test_a_basis_is_a_quotation_from_the_resume(interviewer: Interviewer, language: Language) -> None:
    plan = interviewer.ask(brief(language, questions=5), Calls())
    bases = [question.basis for question in plan.questions if question.basis]
    assert bases
    assert all(basis.rstrip("…") in RESUMES[language] for basis in bases)


def test_every_persona_is_played(interviewer: Interviewer, language: Language) -> None:
    for persona in personas(language):
        assert interviewer.ask(brief(language, persona=persona.key), Calls()).questions


def test_a_scanned_resume_is_asked_on(interviewer: Interviewer, language: Language) -> None:
    plan = interviewer.ask(brief(language, resume="", document=b"%PDF-1.4 scan"), Calls())
    assert len(plan.questions) == 3
    assert plan.summary


@pytest.mark.parametrize("follow_up", [True, False])
def test_feedback_has_every_criterion_once_and_quotes_the_answer(
    interviewer: Interviewer, language: Language, follow_up: bool
) -> None:
    assessment = interviewer.assess(
        brief(language), QUESTION, ANSWERS[language], Calls(), follow_up=follow_up
    )
    judgements = assessment.feedback.criteria
    assert [(j.criterion, j.title) for j in judgements] == [(c.key, c.title) for c in criteria(language)]
    assert all(1 <= judgement.score <= 5 and judgement.comment for judgement in judgements)
    evidence = [judgement.evidence for judgement in judgements if judgement.evidence]
    assert evidence
    assert all(each in ANSWERS[language] for each in evidence)
    assert (assessment.follow_up is not None) is follow_up
    if assessment.follow_up:
        assert assessment.follow_up.kind == "follow-up"
        assert assessment.follow_up.basis is None or assessment.follow_up.basis in ANSWERS[language]
    assert assessment.transcript is None


@pytest.mark.parametrize(
    "answer", ["", "x", "!!!", "a" * 8000, "{basis} %s {0}", '"}], "score": 5', "\u200b"]
)
def test_any_answer_is_judged(interviewer: Interviewer, language: Language, answer: str) -> None:
    assessment = interviewer.assess(brief(language), QUESTION, answer, Calls(), follow_up=True)
    assert all(1 <= judgement.score <= 5 for judgement in assessment.feedback.criteria)
    assert all(j.evidence is None or j.evidence in answer for j in assessment.feedback.criteria)


def test_a_spoken_answer_is_written_down_or_refused(interviewer: Interviewer, language: Language) -> None:
    calls = Calls()
    if not interviewer.hears:
        with pytest.raises(CannotHear):
            interviewer.assess(brief(language), QUESTION, SPOKEN, calls, follow_up=True)
        return
    assessment = interviewer.assess(brief(language), QUESTION, SPOKEN, calls, follow_up=True)
    assert assessment.transcript
    assert any(judgement.evidence for judgement in assessment.feedback.criteria)
    assert all(
        j.evidence is None or j.evidence in assessment.transcript for j in assessment.feedback.criteria
    )


def test_a_report_has_scores_that_were_worked_out(interviewer: Interviewer, language: Language) -> None:
    given = turns(interviewer, language)
    report = interviewer.report(brief(language, summary="A profile."), given, Calls())
    assert report.overall == scores.overall(given)
    assert [(j.criterion, j.score, j.evidence) for j in report.criteria] == [
        (mean.criterion, mean.score, mean.evidence) for mean in scores.means(given)
    ]
    assert all(judgement.comment for judgement in report.criteria)
    assert report.summary
    assert report.advice


def test_a_report_on_nothing_is_a_fault_of_the_caller(interviewer: Interviewer, language: Language) -> None:
    calls = Calls()
    with pytest.raises(ValueError, match="at least one"):
        interviewer.report(brief(language), [], calls)
    assert calls.permits == 0


def test_what_was_told_on_the_way_is_what_comes_out(interviewer: Interviewer, language: Language) -> None:
    calls = [Calls() for _ in range(3)]
    results: list[Plan | Assessment | Report] = [
        interviewer.ask(brief(language, questions=10), calls[0]),
        interviewer.assess(brief(language), QUESTION, ANSWERS[language], calls[1], follow_up=True),
        interviewer.report(brief(language), turns(interviewer, language), calls[2]),
    ]
    for call, result in zip(calls, results, strict=True):
        assert call.texts() == dict(texts_of(result))
        assert call.voids() == 0


def test_a_model_is_asked_once_for_each_piece_of_work_and_rules_ask_none(
    interviewer: Interviewer, gemini: Gemini, language: Language
) -> None:
    calls = Calls()
    interviewer.ask(brief(language), calls)
    interviewer.assess(brief(language), QUESTION, ANSWERS[language], calls, follow_up=True)
    expected = 0 if interviewer.name == "offline" else 2
    assert calls.permits == expected
    assert len(gemini.requests) == expected


def test_a_call_that_nobody_wants_any_more_ends(interviewer: Interviewer, language: Language) -> None:
    calls = Calls(cancel_at=2)
    with pytest.raises(Cancelled):
        interviewer.ask(brief(language), calls)
    assert len(calls.deltas) == 2


def test_several_are_interviewed_at_once(interviewer: Interviewer, language: Language) -> None:
    def ask(number: int) -> Any:
        resume = (
            f"- Built pipeline{number} in Python\n- Ran pipeline{number} on Linux\n- Wrote pipeline{number}"
        )
        return interviewer.ask(brief(language, resume=resume), Calls())

    with ThreadPoolExecutor(8) as pool:
        for number, plan in enumerate(pool.map(ask, range(16))):
            texts = " ".join(text for _, text in texts_of(plan))
            assert f"pipeline{number}" in texts
            assert not any(f"pipeline{other} " in texts for other in range(16) if other != number)


def test_it_says_what_a_person_must_know(interviewer: Interviewer, language: Language) -> None:
    note = interviewer.note(language)
    if interviewer.name == "offline":
        assert ("offline" if language == "en" else "오프라인") in note
        assert ("without understanding" if language == "en" else "이해하지 못하며") in note
    else:
        assert interviewer.name in note
        assert "Google" in note


def test_an_sdk_is_imported_with_the_first_request_and_not_before(language: Language) -> None:
    code = (
        "import sys; from app.interviewer.choice import choose; from app.interviewer.wire import ModelConfig;"
        "[choose(ModelConfig(api_key='k', sdk=s)).note(sys.argv[1]) for s in sys.argv[2:]];"
        "heavy = {'google.generativeai', 'google.genai', 'google.api_core', 'requests', 'httpx2'};"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, language, *SDKS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
