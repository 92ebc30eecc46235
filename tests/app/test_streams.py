"""Work that is followed while it is done: in order, from where it was lost, asked for once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import Settings, create_app, tasks
from tests.app.conftest import ANSWERS, Server, bearer, close, file_of, request, with_model
from tests.support.gemini import Act, Gemini
from tests.support.scale import SOAK
from tests.support.waiting import until

STREAM = {"Accept": "text/event-stream"}


@dataclass(frozen=True)
class Event:
    type: str
    data: Any
    id: int | None


def parse(text: str) -> list[Event]:
    """The events of a stream, comments and retry times left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            found.append(Event(fields["event"], json.loads(fields["data"]), number))
    return found


def kinds(events: list[Event]) -> list[str]:
    """The types of events, the pieces of text left out."""
    return [event.type for event in events if event.type != "delta"]


def begin(client: FlaskClient, **changes: Any) -> dict[str, Any]:
    response = client.post("/api/interviews", json=request(**changes))
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.get_json()
    return created


def put_together(events: list[Event]) -> dict[str, str]:
    """The texts that the deltas make, by their places."""
    texts: dict[str, str] = {}
    for event in events:
        if event.type == "started" or (event.type == "delta" and event.data["path"] == ""):
            texts.clear()
        elif event.type == "delta":
            texts[event.data["path"]] = texts.get(event.data["path"], "") + event.data["text"]
    return texts


def begun_answer(client: FlaskClient, created: dict[str, Any]) -> TestResponse:
    """The stream of an answer's feedback, of which the first words have come."""
    stream = client.post(
        f"/api/interviews/{created['id']}/answers",
        json={"question": 1, "text": ANSWERS["en"]},
        headers=bearer(created) | STREAM,
        buffered=False,
    )
    for piece in stream.iter_encoded():
        if b"event: delta" in piece:
            break
    return stream


@pytest.mark.parametrize("language", ["ko", "en"])
def test_questions_and_feedback_come_as_they_are_generated(
    asking: Flask, gemini: Gemini, language: str
) -> None:
    client = asking.test_client()
    created = parse(client.post("/api/interviews", json=request(language=language), headers=STREAM).text)
    assert created[0].type == "queued"
    opened = created[0].data
    assert {"interview", "task", "token"} <= set(opened)
    assert [event.type for event in created if event.type != "delta"] == [
        "queued",
        "started",
        "result",
        "done",
    ]
    asked = next(event for event in created if event.type == "result").data["questions"]
    texts = put_together(created)
    assert [texts[f"/questions/{number}/text"] for number in range(3)] == [item["text"] for item in asked]

    path = f"/api/interviews/{opened['interview']}"
    stream = client.post(
        f"{path}/answers", json={"question": 1, "text": ANSWERS[language]}, headers=bearer(opened) | STREAM
    )
    assert stream.content_type.startswith("text/event-stream")
    assert stream.headers["X-Accel-Buffering"] == "no"
    events = parse(stream.text)
    result = next(event for event in events if event.type == "result").data
    assert (
        put_together(events)["/feedback/criteria/0/comment"] == result["feedback"]["criteria"][0]["comment"]
    )
    numbers = [event.id for event in events if event.id is not None]
    assert numbers == sorted(set(numbers))
    seen = client.get(path, headers=bearer(opened)).get_json()
    assert seen["questions"][0]["answer"]["feedback"] == result["feedback"]
    assert len(gemini.requests) == 2


def test_a_stream_that_was_cut_goes_on_where_it_was_and_asks_the_model_nothing(
    asking: Flask, gemini: Gemini
) -> None:
    client = asking.test_client()
    events = parse(client.post("/api/interviews", json=request(), headers=STREAM).text)
    opened = events[0].data
    path = f"/api/interviews/{opened['interview']}/tasks/{opened['task']}"
    numbered = [event for event in events if event.id is not None]
    for cut in (0, 1, len(numbered) // 2, len(numbered) - 1):
        headers = bearer(opened) | {"Last-Event-ID": str(numbered[cut].id)}
        again = parse(client.get(f"{path}/events", headers=headers).text)
        assert [event for event in again if event.id is not None] == numbered[cut + 1 :]
        assert again[-1].type == "done"
    whole = parse(client.get(f"{path}/events", headers=bearer(opened)).text)
    assert [event for event in whole if event.id is not None] == numbered
    plain = client.get(path, headers=bearer(opened))
    assert (plain.status_code, plain.get_json()["state"]) == (200, "asking")
    assert len(gemini.requests) == 1


def test_the_first_words_are_told_before_the_model_has_ended(asking: Flask, gemini: Gemini) -> None:
    gemini.pace = 0.2
    stream = asking.test_client().post("/api/interviews", json=request(), headers=STREAM, buffered=False)
    for piece in stream.iter_encoded():
        if b"event: delta" in piece:
            break
    assert not gemini.requests[0].ended.is_set()
    stream.close()


def test_work_goes_on_when_its_client_has_gone(asking: Flask, gemini: Gemini) -> None:
    client = asking.test_client()
    created = begin(client, questions=1)
    gemini.pace = 0.05
    path = f"/api/interviews/{created['id']}"
    stream = begun_answer(client, created)
    stream.close()
    until(
        lambda: client.get(path, headers=bearer(created)).get_json()["questions"][0]["answer"]["feedback"],
        "the feedback is there",
    )
    assert len(gemini.requests) == 2


def test_a_retry_without_a_stream_takes_the_result_of_the_first_sending(
    asking: Flask, gemini: Gemini
) -> None:
    client = asking.test_client()
    created = begin(client, questions=1)
    key = {"Idempotency-Key": "the-same-answer-again"}
    path = f"/api/interviews/{created['id']}/answers"
    body = {"question": 1, "text": ANSWERS["en"]}
    gemini.pace = 0.05
    first = client.post(path, json=body, headers=bearer(created) | key | STREAM, buffered=False)
    next(iter(first.iter_encoded()))
    first.close()
    second = client.post(path, json=body, headers=bearer(created) | key)
    assert second.status_code == 201
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.get_json()["feedback"]["criteria"]
    assert len(gemini.requests) == 2


def test_who_cannot_wait_gets_where_it_will_be(asking: Flask, settings: Settings, gemini: Gemini) -> None:
    created = begin(asking.test_client(), questions=1)
    application = create_app(with_model(settings, gemini, plain_wait=1))
    client = application.test_client()
    gemini.script(Act("slow-start", seconds=2.5))
    path = f"/api/interviews/{created['id']}/answers"
    response = client.post(path, json={"question": 1, "text": ANSWERS["en"]}, headers=bearer(created))
    assert response.status_code == 202
    assert response.get_json()["state"] == "running"

    def done() -> TestResponse | None:
        found = client.get(response.headers["Location"], headers=bearer(created))
        return found if found.status_code == 200 else None

    found = until(done, "it is done")
    assert found is not None
    assert found.get_json()["feedback"]
    close(application)


class TestFailures:
    @pytest.mark.parametrize(
        ("act", "status", "code"),
        [
            (Act("error", status=500), 503, "model-unavailable"),
            (Act("error", status=503), 503, "model-unavailable"),
            (Act("cut", after=1), 503, "model-unavailable"),
            (Act("hang-up"), 503, "model-unavailable"),
            (Act("blocked-prompt"), 422, "model-refused"),
            (Act("quota-day"), 429, "model-quota"),
        ],
    )
    def test_it_is_told_kept_and_taken_up_again(
        self, asking: Flask, gemini: Gemini, act: Act, status: int, code: str
    ) -> None:
        client = asking.test_client()
        created = begin(client, questions=1)
        gemini.script(act)
        path = f"/api/interviews/{created['id']}"
        response = client.post(
            f"{path}/answers", json={"question": 1, "text": ANSWERS["en"]}, headers=bearer(created)
        )
        problem = response.get_json()
        assert (response.status_code, problem["type"].rpartition(":")[2]) == (status, code)
        assert len(gemini.requests) == 2, "a failure is not repeated by itself"
        seen = client.get(path, headers=bearer(created)).get_json()
        assert seen["questions"][0]["answer"]["text"] == ANSWERS["en"], "the answer is kept"
        assert seen["tasks"][0]["problem"] == code
        if code == "model-unavailable":
            events = f"{path}/tasks/{problem['task']}/events"
            told = parse(client.get(events, headers=bearer(created)).text)
            assert "result" in [event.type for event in told]
            assert client.get(path, headers=bearer(created)).get_json()["tasks"] == []

    @pytest.mark.parametrize(
        ("changes", "code", "key"),
        [
            ({"model": "gemini-1.5-flash"}, "model-retired", "INTERVIEW_MODEL"),
            ({"gemini_key": "another-key"}, "model-forbidden", "INTERVIEW_GEMINI_KEY"),
        ],
    )
    @pytest.mark.parametrize("sdk", ["google-generativeai", "google-genai"])
    def test_what_the_operator_has_to_change_is_named(
        self, settings: Settings, gemini: Gemini, changes: dict[str, str], code: str, key: str, sdk: str
    ) -> None:
        application = create_app(with_model(settings, gemini, sdk=sdk, **changes))
        response = application.test_client().post("/api/interviews", json=request())
        problem = response.get_json()
        assert (response.status_code, problem["type"].rpartition(":")[2]) == (503, code)
        assert key in problem["detail"]
        assert "Retry-After" not in response.headers
        close(application)

    def test_a_failed_beginning_is_come_back_to_with_what_the_problem_says(
        self, asking: Flask, gemini: Gemini
    ) -> None:
        client = asking.test_client()
        gemini.script(Act("error", status=503))
        problem = client.post("/api/interviews", json=request()).get_json()
        assert problem["type"].endswith(":model-unavailable")
        path = f"/api/interviews/{problem['interview']}"
        assert client.get(path, headers=bearer(problem)).get_json()["state"] == "failed"
        client.get(f"{path}/tasks/{problem['task']}/events", headers=bearer(problem)).get_data()
        assert client.get(path, headers=bearer(problem)).get_json()["state"] == "asking"


def paused(application: Flask) -> bool:
    """Whether the model's pause is in the database, where everybody sees it."""
    with application.extensions["database"].reading() as db:
        return bool(db.exec_driver_sql("SELECT count(*) FROM quota_pause").scalar_one())


class TestQuota:
    def test_who_waits_is_told_the_place_and_gets_a_turn(self, settings: Settings, gemini: Gemini) -> None:
        application = create_app(with_model(settings, gemini, per_minute=1, max_wait=3600))
        client = application.test_client()
        begin(client, questions=1)
        stream = client.post("/api/interviews", json=request(), headers=STREAM, buffered=False)
        told: dict[str, Any] = {}
        for piece in stream.iter_encoded():
            for event in parse(piece.decode()):
                if event.type == "queued" and "place" in event.data:
                    told = event.data
            if told:
                break
        assert told["place"] == 1
        assert 0 < told["seconds"] <= 61
        assert len(gemini.requests) == 1
        stream.close()
        close(application)

    def test_a_wait_that_is_too_long_is_refused_before_anything_is_kept(
        self, settings: Settings, gemini: Gemini
    ) -> None:
        application = create_app(with_model(settings, gemini, per_minute=1, max_wait=2))
        client = application.test_client()
        created = begin(client, questions=1)
        path = f"/api/interviews/{created['id']}"
        body = {"question": 1, "text": ANSWERS["en"]}
        response = client.post(f"{path}/answers", json=body, headers=bearer(created))
        assert response.status_code == 429
        assert 0 < int(response.headers["Retry-After"]) <= 61
        assert client.get(path, headers=bearer(created)).get_json()["questions"][0]["answer"] is None
        close(application)

    def test_a_429_of_the_service_pauses_everybody_for_as_long_as_it_says(
        self, settings: Settings, gemini: Gemini
    ) -> None:
        first, second = (create_app(with_model(settings, gemini)) for _ in range(2))
        created = begin(first.test_client(), questions=2)
        gemini.script(Act("quota-minute", seconds=2))
        path = f"/api/interviews/{created['id']}/answers"

        def answer(application: Flask, question: int) -> int:
            response = application.test_client().post(
                path, json={"question": question, "text": ANSWERS["en"]}, headers=bearer(created)
            )
            return response.status_code

        codes: list[int] = []
        waiting = threading.Thread(target=lambda: codes.append(answer(first, 1)))
        waiting.start()
        until(lambda: len(gemini.requests) == 2, "the refusal came")
        until(lambda: paused(first), "it is noted")
        codes.append(answer(second, 2))
        waiting.join()
        assert codes == [201, 201]
        refused, *others = gemini.requests[1:]
        assert refused.status == 429
        assert all(item.at - refused.at >= 2 for item in others)
        close(first)
        close(second)


class TestProcesses:
    @pytest.fixture
    def start(self, settings: Settings, gemini: Gemini, serve: Callable[..., Server]) -> Callable[[], Server]:
        model = {
            "INTERVIEW_GEMINI_KEY": gemini.key,
            "INTERVIEW_MODEL_ENDPOINT": gemini.url,
            "INTERVIEW_PER_MINUTE": "1000",
        }
        return lambda: serve(**model)

    def follow(self, server: Server, opened: dict[str, Any], after: int = 0) -> Iterator[Event]:
        url = f"http://127.0.0.1:{server.port}/api/interviews/{opened['interview']}/tasks/{opened['task']}/events"
        headers = bearer(opened) | {"Last-Event-ID": str(after)}
        with requests.get(url, headers=headers, stream=True, timeout=60) as response:
            assert response.status_code == 200
            block = ""
            for line in response.iter_lines(decode_unicode=True):
                block += f"{line}\n"
                if not line:
                    yield from parse(block)
                    block = ""

    def open(self, server: Server) -> dict[str, Any]:
        url = f"http://127.0.0.1:{server.port}/api/interviews"
        with requests.post(url, json=request(), headers=STREAM, stream=True, timeout=60) as response:
            block = ""
            for line in response.iter_lines(decode_unicode=True):
                block += f"{line}\n"
                if not line and (found := parse(block)):
                    opened: dict[str, Any] = found[0].data
                    return opened
        raise AssertionError("no event")

    def test_a_stream_can_be_followed_at_another_release(
        self, start: Callable[[], Server], gemini: Gemini
    ) -> None:
        gemini.pace = 0.05
        first, second = start(), start()
        opened = self.open(first)
        events = list(self.follow(second, opened))
        assert [event.type for event in events if event.type != "delta"] == [
            "queued", "started", "result", "done",
        ]  # fmt: skip
        assert len(gemini.requests) == 1

    def test_a_release_that_is_stopped_finishes_what_it_has_begun(
        self, start: Callable[[], Server], gemini: Gemini
    ) -> None:
        gemini.pace = 0.1
        first, second = start(), start()
        opened = self.open(first)
        until(gemini.connections, "the model is at it")
        first.terminate()
        events = list(self.follow(second, opened))
        assert [event.type for event in events][-2:] == ["result", "done"]
        assert first.stop() == 0
        assert len(gemini.requests) == 1

    def test_a_release_that_is_killed_leaves_its_work_to_the_other(
        self, start: Callable[[], Server], gemini: Gemini, settings: Settings
    ) -> None:
        gemini.script(Act("slow-start", seconds=30))
        first, second = start(), start()
        opened = self.open(first)
        until(lambda: gemini.requests, "the model was asked")
        first.kill()
        if not SOAK:  # its lease ends by itself too, in a quarter of a minute
            with contextlib.closing(sqlite3.connect(file_of(settings), timeout=30)) as db, db:
                db.execute("UPDATE task SET lease_until = 0")
        events = list(self.follow(second, opened))
        assert kinds(events)[-2:] == ["result", "done"]
        numbers = [event.id for event in events if event.id is not None]
        assert numbers == sorted(set(numbers))
        # What was begun had to be begun anew: the first asking died with its process.
        assert len(gemini.requests) == 2
        _, seen = second.ask("GET", f"/api/interviews/{opened['interview']}", headers=bearer(opened))
        assert len(seen["questions"]) == 3


def test_a_task_that_kills_its_process_is_given_up(asking: Flask, settings: Settings) -> None:
    client = asking.test_client()
    created = begin(client, questions=1)
    runner = asking.extensions["runner"]
    with runner.database.writing() as db:
        made = tasks.create(db, tasks.new_id(), created["id"], "report", 99, "a process that is gone")
        for _ in range(tasks.ATTEMPTS):
            assert tasks.begin(db, made.id, "a process that is gone")
            db.exec_driver_sql("UPDATE task SET state = 'waiting' WHERE id = ?", (made.id,))
        db.exec_driver_sql("UPDATE task SET lease_until = 0 WHERE id = ?", (made.id,))
    until(lambda: self_state(asking, made.id) == "failed", "it is given up", timeout=30)


def self_state(application: Flask, task: str) -> str | None:
    with application.extensions["database"].reading() as db:
        found = tasks.find(db, task)
    return found.state if found else None


def test_deleting_an_interview_ends_its_work(asking: Flask, gemini: Gemini) -> None:
    client = asking.test_client()
    created = begin(client, questions=1)
    gemini.pace = 0.1
    path = f"/api/interviews/{created['id']}"
    stream = begun_answer(client, created)
    assert client.delete(path, headers=bearer(created)).status_code == 204
    stream.close()
    until(lambda: not asking.extensions["runner"].in_hand()[1], "nobody works on it")
    until(gemini.requests[-1].ended.is_set, "the model was left alone")
    assert gemini.requests[-1].disconnected
    with asking.extensions["database"].reading() as db:
        for table in ("interview", "question", "answer", "task", "event", "idempotency"):
            assert db.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
