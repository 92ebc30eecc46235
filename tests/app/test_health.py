from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import Settings, create_app
from tests.app.conftest import file_of, settings_for

READY = "/api/health/ready"


def test_a_first_start_is_ready_without_a_command(client: FlaskClient) -> None:
    assert client.get("/api/health/live").get_json() == {"status": "ok"}
    response = client.get(READY)
    assert (response.status_code, response.get_json()) == (
        200,
        {"status": "ok", "checks": {"database": "ok"}},
    )


def test_the_version_tells_what_was_built_and_who_answers(settings: Settings) -> None:
    built = settings_for(file_of(settings), version="1.2", git_sha="abc", built_at="2026-01-01T00:00:00Z")
    document = create_app(built).test_client().get("/api/version").get_json()
    assert document.pop("instance")
    assert document == {"version": "1.2", "git_sha": "abc", "built_at": "2026-01-01T00:00:00Z"}


def _remove(database: Path) -> None:
    database.unlink()


def _garble(database: Path) -> None:
    for file in database.parent.glob("interview.sqlite3*"):
        file.unlink()
    database.write_text("this is no database, " * 100)


@pytest.mark.parametrize(
    ("harm", "told"),
    [(_remove, "INTERVIEW_DATABASE"), (_garble, "INTERVIEW_DATABASE")],
)
def test_a_database_that_does_not_serve_makes_it_unready_but_alive(
    client: FlaskClient, settings: Settings, harm: object, told: str
) -> None:
    assert callable(harm)
    harm(file_of(settings))
    response = client.get(READY)
    assert response.status_code == 503
    assert told in response.get_json()["checks"]["database"]
    assert client.get("/api/health/live").status_code == 200


def test_it_starts_and_says_so_where_no_database_can_be_made() -> None:
    client = create_app(settings_for(Path("/proc/interview.sqlite3"))).test_client()
    assert client.get("/api/health/live").status_code == 200
    assert client.get(READY).status_code == 503


def test_it_stays_ready_while_somebody_migrates(client: FlaskClient, settings: Settings) -> None:
    with contextlib.closing(sqlite3.connect(file_of(settings), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert client.get(READY).status_code == 200
        other.execute("ROLLBACK")


def test_asking_leaves_nothing_in_the_database(application: Flask, settings: Settings) -> None:
    client = application.test_client()
    client.get(READY)
    with contextlib.closing(sqlite3.connect(file_of(settings))) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        client.get(READY)
        assert connection.execute("PRAGMA data_version").fetchone() == before
