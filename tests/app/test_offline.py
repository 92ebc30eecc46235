from __future__ import annotations

import pytest

from app.interviewer import Assessment, Brief, Feedback, Question
from app.interviewer.offline import OfflineInterviewer
from app.languages import Language
from tests.app.conftest import ANSWERS, RESUMES
from tests.app.interviewing import Calls

LANGUAGES: list[Language] = ["ko", "en"]
INTERVIEWER = OfflineInterviewer()


def brief(language: Language, resume: str | None = None, questions: int = 10) -> Brief:
    return Brief(resume or RESUMES[language], "backend engineer", "mid", language, questions)


def ask(brief: Brief) -> tuple[Question, ...]:
    return INTERVIEWER.ask(brief, Calls()).questions


def assess(brief: Brief, question: Question, answer: str) -> Assessment:
    return INTERVIEWER.assess(brief, question, answer, Calls(), follow_up=True)


def scores(feedback: Feedback) -> dict[str, int]:
    return {judgement.criterion: judgement.score for judgement in feedback.criteria}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_asks_on_what_this_resume_says(language: Language) -> None:
    asked = ask(brief(language))
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
    same = ask(brief(language))
    assert ask(brief(language)) == same
    other = ask(brief(language, "- Wrote firmware in Rust for 12 sensors\n- Ran the lab\n- Likes C++"))
    assert {q.basis for q in other if q.basis}.isdisjoint({q.basis for q in same})


def test_skills_are_found_before_korean_particles_and_not_inside_of_words() -> None:
    resume = "Python으로 개발하고 Go를 배웠습니다.\n"
    resume += "Google에서 Javanese 커피를 마셨습니다.\nNode.js와 C++도 씁니다."
    skills = [q.basis for q in ask(brief("ko", resume)) if q.kind == "skill"]
    assert skills[:4] == ["Python", "Go", "Node.js", "C++"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_good_answer_scores_above_an_empty_one_in_every_criterion(language: Language) -> None:
    question = ask(brief(language))[0]
    good = assess(brief(language), question, ANSWERS[language]).feedback
    poor = assess(brief(language), question, "음..." if language == "ko" else "Hm...").feedback
    assert all(scores(good)[criterion] > score for criterion, score in scores(poor).items())
    assert good.strengths
    assert poor.improvements
    assert not poor.strengths


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("unit", ["1", "1,", "a.", "- x\n", "가", "9%", "(", "Spring "])
def test_a_resume_made_to_be_slow_is_not(language: Language, unit: str) -> None:
    # The test's time limit is what fails here: a pattern that backtracks takes minutes for 20,000 characters.
    resume = (unit * 20_000)[:20_000]
    assert len(ask(brief(language, resume))) == 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_follow_up_asks_after_the_weakest_point_and_quotes(language: Language) -> None:
    question = Question("skill", "Redis?", "Redis")
    answer = (
        "Redis를 제가 도입했습니다. 당시 문제가 많았고 3개 서버를 썼습니다. 아무 일도 없었습니다."
        if language == "ko"
        else "I introduced Redis 7 on 3 servers when there was a problem. It was fun. That is all."
    )
    assessment = assess(brief(language), question, answer)
    feedback, follow_up = assessment.feedback, assessment.follow_up
    assert min(scores(feedback), key=lambda criterion: scores(feedback)[criterion]) == "result"
    assert follow_up is not None
    assert follow_up.basis in answer if follow_up.basis else False
    assert ("달라졌" if language == "ko" else "different afterwards") in follow_up.text


@pytest.mark.parametrize(
    "title",
    [
        "김민지, 백엔드 개발자",
        "Minji Kim, backend engineer",
        "백엔드 개발자",
        "김민지 · 백엔드 개발자",
        "시니어 프론트엔드 개발자 (5년차)",
        "데이터 엔지니어 / 플랫폼 운영",
        "Senior Backend Developer",
        "Jane Doe - Lead Developer (Python, Go)",
    ],
)
def test_a_bare_title_is_no_piece_of_work(title: str) -> None:
    language: Language = "en" if title.isascii() else "ko"
    work = "Led the move to Docker" if language == "en" else "주문 시스템을 설계하고 운영"
    asked = ask(brief(language, f"{title}\n- {work}\n- Redis로 응답 시간을 120ms로 단축"))
    assert {question.basis for question in asked if question.kind == "experience"} == {work}


def test_a_cue_inside_of_another_word_is_none() -> None:
    asked = ask(brief("en", "- Knowledge of Docker\n- Scheduled brand reviews\n- Ran the lab for a year"))
    assert {q.basis for q in asked if q.kind == "experience" and q.basis} == {"Ran the lab for a year"}
