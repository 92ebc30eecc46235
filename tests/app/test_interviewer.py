from __future__ import annotations

import pytest

from app.interviewer import Brief, Feedback, Question
from app.interviewer.offline import OfflineInterviewer
from app.languages import Language
from tests.app.conftest import ANSWERS, RESUMES

LANGUAGES: list[Language] = ["ko", "en"]
INTERVIEWER = OfflineInterviewer()


def brief(language: Language, resume: str | None = None, questions: int = 10) -> Brief:
    return Brief(resume or RESUMES[language], "backend engineer", "mid", language, questions)


def scores(feedback: Feedback) -> dict[str, int]:
    return {judgement.criterion: judgement.score for judgement in feedback.criteria}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_asks_on_what_this_resume_says(language: Language) -> None:
    asked = INTERVIEWER.ask(brief(language))
    bases = {question.basis for question in asked}
    assert {"Redis", "Jenkins" if language == "ko" else "PostgreSQL"} <= bases
    assert any(question.kind == "achievement" and "120" in (question.basis or "") for question in asked)
    assert {question.kind for question in asked} == {
        "experience",
        "skill",
        "achievement",
        "role",
        "behaviour",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_resume_gets_the_same_questions_and_another_one_others(language: Language) -> None:
    same = INTERVIEWER.ask(brief(language))
    assert INTERVIEWER.ask(brief(language)) == same
    other = INTERVIEWER.ask(
        brief(language, "- Wrote firmware in Rust for 12 sensors\n- Ran the lab\n- Likes C++")
    )
    assert {q.basis for q in other if q.basis}.isdisjoint({q.basis for q in same})


def test_skills_are_found_before_korean_particles_and_not_inside_of_words() -> None:
    resume = "Python으로 개발하고 Go를 배웠습니다.\n"
    resume += "Google에서 Javanese 커피를 마셨습니다.\nNode.js와 C++도 씁니다."
    skills = [q.basis for q in INTERVIEWER.ask(brief("ko", resume)) if q.kind == "skill"]
    assert skills[:4] == ["Python", "Go", "Node.js", "C++"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_good_answer_scores_above_an_empty_one_in_every_criterion(language: Language) -> None:
    question = INTERVIEWER.ask(brief(language))[0]
    good, _ = INTERVIEWER.assess(brief(language), question, ANSWERS[language])
    poor, _ = INTERVIEWER.assess(brief(language), question, "음..." if language == "ko" else "Hm...")
    assert all(scores(good)[criterion] > score for criterion, score in scores(poor).items())
    assert good.strengths
    assert poor.improvements
    assert not poor.strengths


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "answer",
    ["", "x", "!!!", "…" * 50, "a" * 8000, "1" * 8000, ". " * 4000, "결과 " * 2000, "{basis} %s {0}"],
)
def test_any_answer_gets_scores_in_range_and_evidence_out_of_it(language: Language, answer: str) -> None:
    feedback, follow_up = INTERVIEWER.assess(brief(language), INTERVIEWER.ask(brief(language))[0], answer)
    for judgement in feedback.criteria:
        assert 1 <= judgement.score <= 5
        assert judgement.evidence is None or judgement.evidence in answer
    assert follow_up is not None
    assert follow_up.kind == "follow-up"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("unit", ["1", "1,", "a.", "- x\n", "가", "9%", "(", "Spring "])
def test_a_resume_made_to_be_slow_is_not(language: Language, unit: str) -> None:
    # The test's time limit is what fails here: a pattern that backtracks takes minutes for 20,000 characters.
    resume = (unit * 20_000)[:20_000]
    assert len(INTERVIEWER.ask(brief(language, resume))) == 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_follow_up_asks_after_the_weakest_point_and_quotes(language: Language) -> None:
    question = Question("skill", "Redis?", "Redis")
    answer = (
        "Redis를 제가 도입했습니다. 당시 문제가 많았고 3개 서버를 썼습니다. 아무 일도 없었습니다."
        if language == "ko"
        else "I introduced Redis 7 on 3 servers when there was a problem. It was fun. That is all."
    )
    feedback, follow_up = INTERVIEWER.assess(brief(language), question, answer)
    assert min(scores(feedback), key=lambda criterion: scores(feedback)[criterion]) == "result"
    assert follow_up is not None
    assert follow_up.basis in answer if follow_up.basis else False
    assert ("달라졌" if language == "ko" else "different afterwards") in follow_up.text


def test_after_a_follow_up_it_asks_no_further() -> None:
    assert INTERVIEWER.assess(brief("en"), Question("follow-up", "And?"), ANSWERS["en"])[1] is None


def test_it_says_that_it_is_offline_and_understands_nothing() -> None:
    assert "offline" in INTERVIEWER.note("en")
    assert "without understanding" in INTERVIEWER.note("en")
    assert "오프라인" in INTERVIEWER.note("ko")
    assert "이해하지 못하며" in INTERVIEWER.note("ko")
