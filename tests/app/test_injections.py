"""What the code guarantees against texts that try to talk a model into something (docs/injection.md).

The attacks are data: `injections.json`, each with what a model does that obeys it (`wants`). The double obeys
every one of them here, which is the worst that can happen: what is left is what our own code holds.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from app.interviewer import Brief, Feedback, Judgement, Turn, prompts, scores
from app.interviewer.catalogue import criteria
from app.interviewer.errors import ModelInvalid
from app.interviewer.model import ModelInterviewer
from app.interviewer.preview import Preview, texts_of
from app.interviewer.texts import plain, quotation, settled, visible
from tests.app.conftest import RESUMES, ROOT
from tests.app.interviewing import QUESTION, Calls, brief, on_double
from tests.support.gemini import Gemini
from tests.support.gemini_answers import EVIL, data_of, system_of
from tests.support.gemini_answers import texts_of as texts_sent

ATTACKS: list[dict[str, Any]] = json.loads((ROOT / "tests/app/injections.json").read_text("utf-8"))
MARK = re.compile(r"</?data-[0-9a-f]{32}>")
MARKUP = re.compile(r"<[A-Za-z/!?]|!\[|\]\(|https?://evil|evil\.(?:example|com)/|javascript:", re.IGNORECASE)

FIRST = {(attack["language"], *attack["wants"]): attack["id"] for attack in ATTACKS[::-1]}.values()
"""One for each thing that is wanted in each language: a model that obeys another says the same."""

every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=[attack["id"] for attack in ATTACKS])
every_kind = pytest.mark.parametrize(
    "attack",
    [
        pytest.param(
            attack,
            id=attack["id"],
            marks=() if attack["id"] in FIRST or "markup" in attack["wants"] else pytest.mark.soak,
        )
        for attack in ATTACKS
    ],
)


@pytest.fixture(scope="module")
def double() -> Iterator[Gemini]:
    with Gemini() as gemini:
        yield gemini


@pytest.fixture(scope="module")
def model(double: Gemini) -> Iterator[ModelInterviewer]:
    with on_double(double, "google-generativeai") as interviewer:
        yield interviewer


@pytest.fixture
def gemini(double: Gemini) -> Gemini:
    double.forget()
    return double


def resume_with(attack: dict[str, Any]) -> Brief:
    language = attack["language"]
    return brief(language, resume=f"{RESUMES[language]}\n{attack['text']}")


def test_the_corpus_is_wide() -> None:
    assert len(ATTACKS) >= 40
    assert {attack["language"] for attack in ATTACKS} == {"ko", "en"}
    assert {want for attack in ATTACKS for want in attack["wants"]} == {
        "score", "evidence", "markup", "leak", "role", "silence",
    }  # fmt: skip


# -- on the way to the model --------------------------------------------------------


@every_attack
def test_it_stays_between_the_marks_and_out_of_the_rules(attack: dict[str, Any]) -> None:
    text = attack["text"]
    harmless = brief(attack["language"])
    attacked = brief(attack["language"], resume=text, role=text, summary=text)
    turn = Turn(QUESTION, text, _feedback())
    for (system, parts), (rules, _), field in (
        (prompts.ask(attacked), prompts.ask(harmless), "resume"),
        (
            prompts.assess(attacked, QUESTION, text, follow_up=True),
            prompts.assess(harmless, QUESTION, "No.", follow_up=True),
            "answer",
        ),
        (prompts.report(attacked, [turn]), prompts.report(harmless, [turn]), "summary_of_resume"),
    ):
        assert system == rules
        (sent,) = parts
        assert isinstance(sent, str)
        begin, line, end, rest = sent.split("\n")
        assert (begin[1:], rest) == (end[2:], "")
        assert MARK.findall(sent) == [begin, end]
        assert "<" not in line
        assert ">" not in line
        assert json.loads(line)[field] == visible(text)
        assert len(line.splitlines()) == 1
        hidden = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        assert not {unicodedata.category(character) for character in line} & hidden


def test_no_two_requests_have_the_same_marks() -> None:
    marks = {MARK.findall(prompts.marked({"resume": "same"}))[0] for _ in range(100)}
    assert len(marks) == 100


@pytest.mark.parametrize("attack", [a for a in ATTACKS if re.match("unicode|zero|soft|var|hangul", a["id"])])
def test_what_nobody_sees_is_not_sent(attack: dict[str, Any]) -> None:
    seen = visible(attack["text"])
    assert len(seen) < len(attack["text"])
    assert not re.search("[\u200b-\u200f\u2060\ufeff\u00ad\u3164\u115f\uffa0\U000e0000-\U000e0fff]", seen)


# -- when the model obeys -----------------------------------------------------------


@every_kind
def test_an_obeyed_attack_in_a_resume_changes_words_at_most(
    model: ModelInterviewer, gemini: Gemini, attack: dict[str, Any]
) -> None:
    gemini.obeys = set(attack["wants"])
    calls, attacked = Calls(), resume_with(attack)
    try:
        plan = model.ask(attacked, calls)
    except ModelInvalid:
        assert {"leak", "silence"} & set(attack["wants"])
        assert len(gemini.requests) == 2
    else:
        assert not {"leak", "silence"} & set(attack["wants"])
        assert len(plan.questions) == 3
        resume = visible(attacked.resume)
        assert all(question.basis is None or question.basis in resume for question in plan.questions)
        _assert_plain(dict(texts_of(plan)))
    _assert_plain(calls.texts())
    assert data_of(gemini.requests[0].body)["resume"] == visible(attacked.resume)
    assert visible(attack["text"])[:30] not in system_of(gemini.requests[0].body)
    assert len(MARK.findall(texts_sent(gemini.requests[0].body))) == 2


@every_kind
def test_an_obeyed_attack_in_an_answer_gets_no_more_than_checks_allow(
    model: ModelInterviewer, gemini: Gemini, attack: dict[str, Any]
) -> None:
    gemini.obeys = set(attack["wants"])
    calls, answer = Calls(), attack["text"]
    try:
        assessment = model.assess(brief(attack["language"]), QUESTION, answer, calls, follow_up=True)
    except ModelInvalid:
        assert {"leak", "silence"} & set(attack["wants"])
        return
    finally:
        _assert_plain(calls.texts())
    feedback = assessment.feedback
    assert [j.criterion for j in feedback.criteria] == [c.key for c in criteria(attack["language"])]
    for judgement in feedback.criteria:
        assert type(judgement.score) is int
        assert 1 <= judgement.score <= (5 if judgement.evidence else 3)
        assert judgement.evidence is None or judgement.evidence in visible(answer)
    _assert_plain(dict(texts_of(assessment)))


@pytest.mark.parametrize("wish", ["score", "evidence", "markup", "role"])
def test_the_scores_of_a_report_are_beyond_any_words(
    model: ModelInterviewer, gemini: Gemini, wish: str
) -> None:
    turns = [Turn(QUESTION, attack["text"], _feedback()) for attack in ATTACKS[:20]]
    gemini.obeys = {wish}
    report = model.report(brief(summary=ATTACKS[0]["text"]), turns, Calls())
    assert report.overall == scores.overall(turns) == 0
    assert {judgement.score for judgement in report.criteria} == {1}
    _assert_plain(dict(texts_of(report)))


def test_evidence_that_is_not_in_the_answer_is_dropped_and_costs_the_best_scores(
    model: ModelInterviewer, gemini: Gemini
) -> None:
    gemini.obeys = {"score", "evidence"}
    feedback = model.assess(brief(), QUESTION, "I used Redis.", Calls(), follow_up=False).feedback
    assert {(judgement.score, judgement.evidence) for judgement in feedback.criteria} == {(3, None)}


def test_nothing_said_scores_nothing(model: ModelInterviewer, gemini: Gemini) -> None:
    gemini.obeys = {"score"}
    feedback = model.assess(brief(), QUESTION, "\u200b\u3164", Calls(), follow_up=False).feedback
    assert {judgement.score for judgement in feedback.criteria} == {1}


def _feedback() -> Feedback:
    return Feedback(tuple(Judgement(c.key, c.title, 1, "", None) for c in criteria("en")), (), ())


def _assert_plain(texts: dict[str, str]) -> None:
    for pointer, text in texts.items():
        assert not re.search(r"<[A-Za-z/!?]", text), pointer
        assert "![" not in text, pointer
        assert "](" not in text, pointer
        assert EVIL not in text, pointer
        assert "javascript:" not in text.lower(), pointer
        assert "www.evil.example" not in text, pointer
        assert "evil.com/" not in text, pointer


# -- texts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, 3 < 4 and a<=b", "plain text, 3 < 4 and a<=b"),
        ("Why is <script> at the end of <body>?", "Why is ‹script› at the end of ‹body›?"),
        ("List<String> and <b onclick=x>bold", "List‹String› and ‹b onclick=x›bold"),
        ("<scr<script>ipt>", "‹scr‹script›ipt>"),
        ("![a](https://evil.example/x) b", "a [link] b"),
        ("[a](https://me.example/cv) b", "a https://me.example/cv b"),
        ("[a][1] [b](/api/x)", "a b /api/x"),
        ("See HTTPS://EVIL.example/a?b=c, then.", "See [link], then."),
        ("evil.com/x www.evil.com mailto:x@evil.com", "[link] [link] [link]"),
        ("data:text/html;base64,AAAA javascript:alert(1)", "[link] [link])"),
        ("https://me.example/cv.", "https://me.example/cv."),
        ("https://me.example/cv?leak=1", "[link]"),
        ("Node.js, ASP.NET/C#, socket.io/redis", "Node.js, ASP.NET/C#, socket.io/redis"),
        ("TCP/IP, 3.5/5", "TCP/IP, 3.5/5"),
        ("![cut](https://evil.example/a b", "! [cut] ([link] b"),
        ("시간: 10:30, 비율 1:2, and/or", "시간: 10:30, 비율 1:2, and/or"),
        ("a\u200bb\u3164c\U000e0041", "abc"),
    ],
)  # fmt: skip
def test_a_models_text_becomes_plain(text: str, expected: str) -> None:
    assert plain(text, "My pages: https://me.example/cv and more") == expected


@pytest.mark.parametrize(
    "unit", ["[", "![", "](", "[a](", "[a][", "[ ](( ", "<", "<a", "a.", "a-", "a.com", "www.", "x://", "a:"]
)
def test_a_text_made_to_be_slow_is_not(unit: str) -> None:
    # What fails here is the time limit of the test: a pattern that backtracks takes minutes for that much.
    text = (unit * 50_000)[:50_000]
    assert len(plain(text, text)) <= 2 * len(text)
    assert settled(text) <= len(text)
    assert len(quotation(text, text, 300) or "") <= 300


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    "text",
    [
        "See ![a picture](https://evil.example/x?d=1 2) and [the page](https://evil.example) now [0] ok",
        "Open < b and <img src=x onerror=alert(1)> then List<Map<A, B>> [not a link] (really) !",
        "Go to https://evil.example/a , www.evil.example/b or evil.com/c d.e/f",
        "[" * 50 + " nested " + "](" * 20 + " x " + ")" * 10,
        "한글 문장입니다. [여기를 누르세요](https://evil.example) 그리고 계속합니다.",
    ],
)
def test_a_growing_text_is_told_as_it_will_be_and_never_as_an_address(text: str, size: int) -> None:
    told: list[str] = []
    preview = Preview(lambda _, more: told.append(more), "", ())
    document = json.dumps({"summary": text}, ensure_ascii=False)
    for begin in range(0, len(document), size):
        preview.feed(document[begin : begin + size])
        assert not re.search(r"evil\.|<[a-z]|\]\(https", "".join(told))
    assert "".join(told) == plain(text, "")


def test_what_is_settled_is_never_taken_back() -> None:
    text = "A [b c](d e) f ![g](h) <i j> k [l] m n"
    for end in range(len(text) + 1):
        so_far = plain(text[: settled(text[:end])], "")
        assert plain(text, "").startswith(so_far)


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("introduced Redis", "introduced Redis"),
        ("“introduced  Redis”", "introduced\nRedis"),
        ("…introduced Redis...", "introduced\nRedis"),
        ("Introduced Redis", None),
        ("introduced Memcached", None),
        ("", None),
        (" ", None),
        (".", None),
        ("I .* Redis", None),
    ],
)
def test_a_quotation_is_what_stands_in_the_answer(quote: str, expected: str | None) -> None:
    source = "I introduced\nRedis and measured."
    found = quotation(quote, source, 100)
    assert (found and " ".join(found.split())) == (expected and " ".join(expected.split()))
    assert found is None or found in source
