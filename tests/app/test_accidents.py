"""An answer, and an accident at any point of it: nothing accepted is lost, nothing is there twice.

The network to the database breaks at the n-th COMMIT, before it arrives or after it was done; the
process is killed there. There are at least four: leave from the quota, the answer itself, the beginning
of its work, pieces of the feedback or the result. In a soak it happens at every one; else the kills and
the pieces are short of that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import make_url

from app import Settings, create_app, runner, tasks, teller
from app.storage.migration import Migration
from tests.app.conftest import ANSWERS, ROOT, bearer, close, request, with_model
from tests.support import nursery
from tests.support.gemini import Gemini
from tests.support.mariadb import MariaDB
from tests.support.relay import Relay, When
from tests.support.scale import SOAK

MOST = 200  # COMMITs that an answer may take, far more than it does
LEAST = 8  # accidents that there are to be: an answer takes at least four COMMITs
FEW = MOST if SOAK else 4


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work whose process is gone is taken up at once."""
    monkeypatch.setattr(tasks, "LEASE", 1000)
    monkeypatch.setattr(runner, "SEARCH", 0.2)


def points(end: int = MOST) -> Iterator[tuple[int, When]]:
    """Before and after every COMMIT, however many there are, or those before the end-th."""
    for point in range(1, end):
        yield point, "before"
        yield point, "after"


def begun(application: Flask) -> dict[str, Any]:
    created = application.test_client().post("/api/interviews", json=request(questions=1))
    assert created.status_code == 201, created.text
    document: dict[str, Any] = created.get_json()
    return document


def order(created: dict[str, Any], key: str) -> dict[str, Any]:
    """The answer, as it is sent again and again."""
    return {
        "path": f"/api/interviews/{created['id']}/answers",
        "body": {"question": 1, "text": ANSWERS["en"]},
        "headers": bearer(created) | {"Idempotency-Key": f"an-answer-{key}"},
    }


def answered(application: Flask, sent: dict[str, Any]) -> dict[str, Any]:
    """Send it until it is taken, as clients are told to; what came of it."""
    client = application.test_client()
    response = client.post(sent["path"], json=sent["body"], headers=sent["headers"])
    for _ in range(4):
        if response.status_code == 503:
            assert response.headers["Retry-After"]
            response = client.post(sent["path"], json=sent["body"], headers=sent["headers"])
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.get_json()
    return document


def is_there_once(application: Flask, created: dict[str, Any], judged: dict[str, Any]) -> None:
    client = application.test_client()
    seen = client.get(f"/api/interviews/{created['id']}", headers=bearer(created)).get_json()
    assert [question["follows"] for question in seen["questions"]] == [None, 1]
    assert seen["questions"][0]["answer"]["text"] == ANSWERS["en"]
    assert seen["questions"][0]["answer"]["feedback"] == judged["feedback"]
    assert seen["tasks"] == []
    with application.extensions["database"].reading() as db:
        work = tasks.of(db, created["id"], "assess", 1)
        assert work
        told = tasks.events(db, work.id, 0)
    assert [event.type for event in told if event.type in ("result", "error")] == ["result"]
    # Whoever takes the stream up gets what the first one got: no piece is missing, and none is there twice.
    last = max(number for number, event in enumerate(told) if event.type == "started")
    pieces = [json.loads(event.data) for event in told[last:] if event.type == "delta"]
    for number, criterion in enumerate(judged["feedback"]["criteria"]):
        path = f"/feedback/criteria/{number}/comment"
        assert "".join(piece["text"] for piece in pieces if piece["path"] == path) == criterion["comment"]


@pytest.fixture
def cut(mariadb: MariaDB, gemini: Gemini) -> Iterator[tuple[Relay, Flask]]:
    """An application whose way to its database can be cut."""
    with mariadb.database() as url, Relay(mariadb.port) as relay:
        Migration(url).migrate()
        through = make_url(url).set(port=relay.port).render_as_string(hide_password=False)
        application = create_app(with_model(Settings(database=through, rate=0), gemini))
        yield relay, application
        close(application)


@pytest.mark.parametrize(
    "flush", [pytest.param(0.0, id="pieces", marks=pytest.mark.soak), pytest.param(60.0, id="whole")]
)
def test_the_network_to_the_database_breaks(
    cut: tuple[Relay, Flask], gemini: Gemini, monkeypatch: pytest.MonkeyPatch, flush: float
) -> None:
    """Each piece of text is written down by itself; or all of them with the result, the fourth COMMIT."""
    monkeypatch.setattr(teller, "FLUSH", flush)
    relay, application = cut
    cuts = 0
    for point, when in points(FEW if not flush else MOST):
        created = begun(application)
        asked = len(gemini.requests)
        relay.cut(point, when)
        judged = answered(application, order(created, f"{when}-{point:04}"))
        there = relay.heal()
        is_there_once(application, created, judged)
        assert len(gemini.requests) == asked + 1
        if not there:
            break  # it takes fewer
        cuts += 1
    assert (LEAST if flush or SOAK else 2 * (FEW - 1)) <= cuts < MOST


@pytest.fixture
def struck(settings: Settings, gemini: Gemini) -> Iterator[Callable[..., str]]:
    """struck(point, when, order) -> `killed`, or the status of the response of a process that lived on."""
    given = {"database": settings.database, "endpoint": gemini.url, "key": gemini.key}
    with nursery.talking("tests.support.struck", [json.dumps(given)], cwd=ROOT, env=os.environ) as talk:
        yield lambda point, when, sent: talk.ask(json.dumps({"point": point, "when": when, **sent}))


def test_the_process_is_killed(asking: Flask, gemini: Gemini, struck: Callable[..., str]) -> None:
    kills = 0
    for point, when in points(FEW):
        created = begun(asking)
        sent = order(created, f"{when}-{point:04}")
        asked = len(gemini.requests)
        end = struck(point, when, sent)
        judged = answered(asking, sent)
        is_there_once(asking, created, judged)
        # A model that was being asked has to be asked again; one whose answer was kept has not.
        assert 1 <= len(gemini.requests) - asked <= 2
        if end != "killed":
            assert end == "201"
            assert len(gemini.requests) == asked + 1
            break
        kills += 1
    assert (LEAST if SOAK else 2 * (FEW - 1)) <= kills < MOST
