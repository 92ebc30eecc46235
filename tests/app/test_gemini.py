"""What goes wrong with a model, by both SDKs: what is raised, how often it was asked, and what is told."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app.interviewer import Audio, Cancelled, Kind
from app.interviewer import model as model_module
from app.interviewer.errors import (
    CannotHear,
    ModelError,
    ModelForbidden,
    ModelInvalid,
    ModelRefused,
    ModelRejected,
    ModelRetired,
    ModelTimeout,
    ModelUnavailable,
    QuotaExhausted,
)
from app.interviewer.failures import seconds_to_the_next_day
from app.interviewer.model import ModelInterviewer
from app.languages import Language
from app.messages import say
from tests.app.conftest import ANSWERS, RESUMES
from tests.app.interviewing import QUESTION, SDKS, Calls, Sdk, brief, causes, on_double
from tests.support.gemini import KEY, Act, Gemini
from tests.support.gemini_answers import files_of, schema_of, system_of, texts_of

Asking = Callable[..., ModelInterviewer]


@pytest.fixture(scope="module")
def double() -> Iterator[Gemini]:
    with Gemini() as gemini:
        yield gemini


@pytest.fixture
def gemini(double: Gemini) -> Gemini:
    double.forget()
    double.bare_errors = False
    double.limit = None
    return double


@pytest.fixture(params=SDKS, scope="module")
def sdk(request: pytest.FixtureRequest) -> Sdk:
    chosen: Sdk = request.param
    return chosen


@pytest.fixture(scope="module")
def model(double: Gemini, sdk: Sdk) -> Iterator[ModelInterviewer]:
    with on_double(double, sdk) as interviewer:
        yield interviewer


# -- refusals and broken connections ------------------------------------------------


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize(
    ("act", "error", "values"),
    [
        (Act("quota-minute", 37), QuotaExhausted, {"retry_after": 37, "per_day": False}),
        (Act("quota-minute"), QuotaExhausted, {"retry_after": 60, "per_day": False}),
        (Act("quota-minute", 86_400), QuotaExhausted, {"retry_after": 3600, "per_day": False}),
        (Act("error", status=500), ModelUnavailable, {}),
        (Act("error", status=502), ModelUnavailable, {}),
        (Act("error", status=503), ModelUnavailable, {}),
        (Act("error", status=504), ModelTimeout, {}),
        (Act("error", status=400), ModelRejected, {"status": 400}),
        (Act("error", status=413), ModelRejected, {"status": 413}),
        (Act("error", status=401), ModelForbidden, {"key": "INTERVIEW_GEMINI_KEY"}),
        (Act("error", status=403), ModelForbidden, {"key": "INTERVIEW_GEMINI_KEY"}),
        (Act("html", status=502), ModelUnavailable, {}),
        (Act("html", status=403), ModelForbidden, {"key": "INTERVIEW_GEMINI_KEY"}),
        (Act("hang-up"), ModelUnavailable, {}),
        (Act("cut", after=0), ModelUnavailable, {}),
        (Act("cut", after=3), ModelUnavailable, {}),
        (Act("unfinished"), ModelUnavailable, {}),
        (Act("blocked-prompt"), ModelRefused, {}),
        (Act("finish", text="SAFETY"), ModelRefused, {}),
        (Act("finish", text="SAFETY", after=4), ModelRefused, {}),
        (Act("finish", text="PROHIBITED_CONTENT", after=1), ModelRefused, {}),
        (Act("finish", text="RECITATION", after=1), ModelRefused, {}),
    ],
    ids=lambda value: f"{value.kind}-{value.status}-{value.after}" if isinstance(value, Act) else None,
)
def test_a_failure_is_named_and_asked_about_once(
    model: ModelInterviewer,
    gemini: Gemini,
    act: Act,
    error: type[ModelError],
    values: dict[str, Any],
    bare: bool,
) -> None:
    gemini.bare_errors = bare
    gemini.script(act)
    calls = Calls()
    with pytest.raises(error) as raised:
        model.ask(brief(), calls)
    assert type(raised.value) is error
    assert raised.value.values == values
    assert len(gemini.requests) == calls.permits == 1
    pauses = [(float(values["retry_after"]), False)] if error is QuotaExhausted else []
    assert calls.pauses == pauses
    assert model.ask(brief(), calls).questions  # the next request is answered as if nothing had been


def test_the_quota_of_a_day_is_told_to_everybody_and_never_asked_for_again(
    model: ModelInterviewer, gemini: Gemini
) -> None:
    gemini.script(Act("quota-day", 41))
    calls = Calls()
    with pytest.raises(QuotaExhausted) as raised:
        model.ask(brief(), calls)
    assert raised.value.per_day
    assert 0 < raised.value.retry_after <= 25 * 3600
    assert calls.pauses == [(raised.value.retry_after, True)]
    assert len(gemini.requests) == 1


@pytest.mark.parametrize(
    ("now", "hours"),
    [("2026-01-15T08:00", 24), ("2026-01-15T07:00", 1), ("2026-07-01T06:30", 0.5), ("2026-03-08T08:00", 23)],
)
def test_a_day_ends_at_midnight_pacific(now: str, hours: float) -> None:
    assert seconds_to_the_next_day(datetime.fromisoformat(now).replace(tzinfo=UTC)) == hours * 3600


def test_the_limit_that_the_service_keeps_is_met(model: ModelInterviewer, gemini: Gemini) -> None:
    gemini.limit, gemini.window = 2, 3600
    calls = Calls()
    model.ask(brief(), calls)
    model.ask(brief(), calls)
    with pytest.raises(QuotaExhausted) as raised:
        model.ask(brief(), calls)
    assert 3000 < raised.value.retry_after <= 3600
    assert [seen.status for seen in gemini.requests] == [200, 200, 429]


def test_where_no_leave_is_given_nothing_is_sent(model: ModelInterviewer, gemini: Gemini) -> None:
    calls = Calls(refuse={1: QuotaExhausted(5)})
    with pytest.raises(QuotaExhausted):
        model.ask(brief(), calls)
    assert not gemini.requests
    assert not calls.pauses  # it is the caller's own quota, not the service's word


def test_a_service_that_cannot_be_reached(sdk: Sdk) -> None:
    with Gemini() as gone:
        pass
    with on_double(gone, sdk) as model, pytest.raises(ModelUnavailable):
        model.ask(brief(), Calls())


@pytest.mark.parametrize(
    "act", [Act("slow-start", 3600), Act("silence", 3600, after=0), Act("silence", 3600, after=3)]
)
def test_silence_ends_a_request_and_its_connection(gemini: Gemini, sdk: Sdk, act: Act) -> None:
    gemini.script(act)
    with on_double(gemini, sdk, timeout=0.3) as model, pytest.raises(ModelTimeout):
        model.ask(brief(), Calls())
    assert gemini.requests[0].ended.wait(30)
    assert len(gemini.requests) == 1


def test_an_answer_that_trickles_is_ended_by_the_total_time(gemini: Gemini, sdk: Sdk) -> None:
    gemini.script(Act("slow-pieces", 0.05))
    with on_double(gemini, sdk, total_timeout=0.1) as model, pytest.raises(ModelTimeout):
        model.ask(brief(questions=10), Calls())
    assert gemini.requests[0].ended.wait(30)
    assert gemini.requests[0].disconnected


def test_a_retired_model_names_the_setting(gemini: Gemini, sdk: Sdk) -> None:
    with on_double(gemini, sdk, model="gemini-1.5-flash") as model, pytest.raises(ModelRetired) as raised:
        model.ask(brief(), Calls())
    assert raised.value.values == {"model": "gemini-1.5-flash", "key": "INTERVIEW_MODEL"}
    assert len(gemini.requests) == 1


def test_a_bad_key_names_the_setting(gemini: Gemini, sdk: Sdk) -> None:
    with on_double(gemini, sdk, api_key="wrong-key") as model, pytest.raises(ModelForbidden) as raised:
        model.ask(brief(), Calls())
    assert raised.value.values == {"key": "INTERVIEW_GEMINI_KEY"}
    assert gemini.requests[0].status == 400
    assert len(gemini.requests) == 1


def test_a_file_that_cannot_be_read_is_rejected(model: ModelInterviewer, gemini: Gemini) -> None:
    with pytest.raises(ModelRejected):
        model.ask(brief(resume="", document=b"no PDF"), Calls())
    assert len(gemini.requests) == 1


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_error_has_its_sentences(language: Language) -> None:
    errors = [
        QuotaExhausted(5), ModelUnavailable(), ModelTimeout(), ModelRetired(model="m", key="k"), CannotHear(),
        ModelForbidden(key="k"), ModelRefused(), ModelRejected(status=400), ModelInvalid(), ModelError(),
    ]  # fmt: skip
    assert {type(error) for error in errors} == {ModelError, *ModelError.__subclasses__()}
    for error in errors:
        assert say(error.code, language)
        assert say(f"{error.code}.detail", language, **error.values)


# -- nobody wants it any more -------------------------------------------------------


def test_a_cancelled_call_closes_the_connection_at_once(model: ModelInterviewer, gemini: Gemini) -> None:
    gemini.script(Act("slow-pieces", 0.02))
    calls = Calls(cancel_at=1)
    with pytest.raises(Cancelled) as raised:
        model.ask(brief(questions=10), calls)
    assert gemini.requests[0].ended.wait(30)
    assert gemini.requests[0].disconnected
    assert list(causes(raised.value)) == [raised.value]


def test_a_call_cancelled_while_it_waits_sends_nothing(model: ModelInterviewer, gemini: Gemini) -> None:
    with pytest.raises(Cancelled):
        model.ask(brief(), Calls(refuse={1: Cancelled()}))
    assert not gemini.requests


# -- answers that cannot be used ----------------------------------------------------

REPAIRED = [
    Act(text="I am sorry, I cannot do that."),
    Act(text='{"summary": "cut'),
    Act(text="[]"),
    Act(text="{}"),
    Act(text='{"summary": NaN}'),
    Act(text="[" * 50_000),
    Act(text='{"a": 1e999, "b": ' + "9" * 5000 + "}"),
    Act("finish", text="MAX_TOKENS", after=3),
    Act("finish", text="OTHER", after=1),
    Act(spoil="a question too few"),
    Act(spoil="the same question twice"),
    Act(spoil="a kind that was not wanted"),
    Act(spoil="a question without text"),
    Act(spoil="a summary that is a list"),
    Act(spoil="a key too many"),
]
REPAIRED_FEEDBACK = [
    Act(spoil="a criterion missing"),
    Act(spoil="a criterion invented"),
    Act(spoil="scores as words"),
    Act(spoil="scores as halves"),
    Act(spoil="scores beyond numbers"),
    Act(spoil="a feedback that is null"),
]


def _id(act: object) -> str:
    return (act.spoil or act.text)[:30] if isinstance(act, Act) else str(act)


@pytest.mark.parametrize("act", REPAIRED, ids=_id)
def test_a_plan_of_no_use_is_asked_for_once_more(model: ModelInterviewer, gemini: Gemini, act: Act) -> None:
    gemini.script(act)
    calls = Calls()
    plan = model.ask(brief(), calls)
    assert len(plan.questions) == 3
    assert len(gemini.requests) == calls.permits == 2
    assert calls.voids() == 1
    assert calls.texts()["/summary"] == plan.summary
    first, second = (texts_of(seen.body) for seen in gemini.requests)
    assert "could not be used" in second
    assert "could not be used" not in first
    assert system_of(gemini.requests[0].body) == system_of(gemini.requests[1].body)


@pytest.mark.parametrize("act", REPAIRED_FEEDBACK, ids=_id)
def test_feedback_of_no_use_is_asked_for_once_more(model: ModelInterviewer, gemini: Gemini, act: Act) -> None:
    gemini.script(act)
    calls = Calls()
    assessment = model.assess(brief(), QUESTION, ANSWERS["en"], calls, follow_up=True)
    assert len(assessment.feedback.criteria) == 4
    assert len(gemini.requests) == calls.permits == 2
    assert calls.voids() == 1


@pytest.mark.parametrize("act", [REPAIRED[0], REPAIRED[7], REPAIRED[9]], ids=_id)
def test_after_two_answers_of_no_use_it_is_over(model: ModelInterviewer, gemini: Gemini, act: Act) -> None:
    gemini.script(act, act)
    calls = Calls()
    with pytest.raises(ModelInvalid) as raised:
        model.ask(brief(), calls)
    assert len(gemini.requests) == calls.permits == 2
    assert list(causes(raised.value)) == [raised.value]


def test_a_repair_needs_leave_too(model: ModelInterviewer, gemini: Gemini) -> None:
    gemini.script(REPAIRED[0])
    with pytest.raises(QuotaExhausted):
        model.ask(brief(), Calls(refuse={2: QuotaExhausted(5)}))
    assert len(gemini.requests) == 1


def test_more_questions_than_wanted_are_cut_off(model: ModelInterviewer, gemini: Gemini) -> None:
    gemini.script(Act(spoil="questions too many"))
    calls = Calls()
    assert len(model.ask(brief(), calls).questions) == 3
    assert len(gemini.requests) == 1
    assert not any(path.startswith("/questions/3") for path in calls.texts())


@pytest.mark.parametrize(("spoil", "expected"), [("scores out of range", 5), ("scores below range", 1)])
def test_scores_are_brought_into_range(
    model: ModelInterviewer, gemini: Gemini, spoil: str, expected: int
) -> None:
    gemini.script(Act(spoil=spoil))
    feedback = model.assess(brief(), QUESTION, ANSWERS["en"], Calls(), follow_up=False).feedback
    assert {judgement.score for judgement in feedback.criteria} == {expected}


def test_an_endless_answer_is_cut_off(
    model: ModelInterviewer, gemini: Gemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "MOST_CHARACTERS", 5_000)
    gemini.script(*[Act(text='{"summary": "' + "word " * 11_000)] * 2)
    with pytest.raises(ModelInvalid):
        model.ask(brief(), Calls())
    assert all(seen.ended.wait(30) for seen in gemini.requests)


def test_texts_are_kept_within_bounds(model: ModelInterviewer, gemini: Gemini) -> None:
    document = {
        "summary": "long " * 2000,
        "strengths": ["many"] * 40,
        "gaps": ["one"],
        "questions": [{"kind": "skill", "text": f"{n}? " * 1000, "basis": ""} for n in range(3)],
    }
    gemini.script(Act(text=json.dumps(document)))
    calls = Calls()
    plan = model.ask(brief(), calls)
    assert len(plan.summary) <= 1500
    assert len(plan.strengths) == 5
    assert all(len(question.text) <= 600 for question in plan.questions)
    assert calls.texts()["/summary"] == plan.summary


# -- what is sent -------------------------------------------------------------------


def test_a_spoken_answer_and_a_scan_are_sent_along(model: ModelInterviewer, gemini: Gemini) -> None:
    model.ask(brief(resume="", document=b"%PDF-1.4 scan \xff\xfe\xfb"), Calls())
    model.assess(brief(), QUESTION, Audio("audio/ogg", b"OggS\xff\xfb"), Calls(), follow_up=False)
    sent = [files_of(seen.body) for seen in gemini.requests]
    assert [[each["mimeType"] for each in files] for files in sent] == [["application/pdf"], ["audio/ogg"]]


@pytest.mark.parametrize("kinds", [(), ("skill", "role")])
def test_the_schema_asks_for_what_is_wanted(
    model: ModelInterviewer, gemini: Gemini, kinds: tuple[Kind, ...]
) -> None:
    model.ask(brief(kinds=kinds, questions=7), Calls())
    questions = schema_of(gemini.requests[0].body)["properties"]["questions"]
    assert (int(questions["minItems"]), int(questions["maxItems"])) == (7, 7)
    assert questions["items"]["properties"]["kind"]["enum"] == list(
        kinds or ("experience", "skill", "achievement", "behaviour", "role")
    )
    assert "tools" not in gemini.requests[0].body
    assert gemini.requests[0].method == "streamGenerateContent"
    assert gemini.requests[0].path.startswith("/v1beta/")


def test_no_key_and_no_personal_text_gets_into_errors_or_the_log(
    model: ModelInterviewer, gemini: Gemini, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "Zaphod Beeblebrox built the heart of gold"
    acts = [
        Act("error", status=400), Act("quota-minute", 3), Act("quota-day"), Act("cut", after=5),
        Act("hang-up"), Act("unfinished"), Act("blocked-prompt"), Act("finish", text="SAFETY", after=5),
        *REPAIRED[:2], *REPAIRED[:2],
    ]  # fmt: skip
    gemini.script(*acts)
    while len(gemini.requests) < len(acts):
        with pytest.raises(ModelError) as raised:
            model.ask(brief(resume=f"- {secret}\n{RESUMES['en']}", role="president"), Calls())
        for error in causes(raised.value):
            assert "Zaphod" not in f"{error!r} {vars(error)}"
            assert KEY not in f"{error!r} {vars(error)}"
    assert "Zaphod" not in caplog.text
    assert KEY not in caplog.text
    assert KEY not in repr(vars(model))
