from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import Settings, create_app, schema, store

READY = "/api/health/ready"


def test_a_first_start_is_ready_without_a_command(client: FlaskClient) -> None:
    assert client.get("/api/health/live").get_json() == {"status": "ok"}
    response = client.get(READY)
    assert (response.status_code, response.get_json()) == (
        200,
        {"status": "ok", "checks": {"database": "ok"}},
    )


def test_the_version_tells_what_was_built_and_who_answers(settings: Settings) -> None:
    built = Settings(settings.database, version="1.2", git_sha="abc", built_at="2026-01-01T00:00:00Z")
    document = create_app(built).test_client().get("/api/version").get_json()
    assert document.pop("instance")
    assert document == {"version": "1.2", "git_sha": "abc", "built_at": "2026-01-01T00:00:00Z"}


def _remove(database: Path) -> None:
    database.unlink()


def _garble(database: Path) -> None:
    for file in database.parent.glob("interview.sqlite3*"):
        file.unlink()
    database.write_text("this is no database, " * 100)


def _age(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION - 1}")


@pytest.mark.parametrize(
    ("harm", "told"),
    [(_remove, "INTERVIEW_DATABASE"), (_garble, "INTERVIEW_DATABASE"), (_age, "app migrate")],
)
def test_a_database_that_does_not_serve_makes_it_unready_but_alive(
    client: FlaskClient, settings: Settings, harm: object, told: str
) -> None:
    assert callable(harm)
    harm(settings.database)
    response = client.get(READY)
    assert response.status_code == 503
    assert told in response.get_json()["checks"]["database"]
    assert client.get("/api/health/live").status_code == 200


def test_a_full_disk_makes_it_unready(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FREE_SPACE", 1 << 62)
    response = client.get(READY)
    assert response.status_code == 503
    assert "full" in response.get_json()["checks"]["database"]


def test_it_starts_and_says_so_where_no_database_can_be_made() -> None:
    client = create_app(Settings(database=Path("/proc/interview.sqlite3"))).test_client()
    assert client.get("/api/health/live").status_code == 200
    assert client.get(READY).status_code == 503


def test_it_stays_ready_while_somebody_migrates(client: FlaskClient, settings: Settings) -> None:
    with contextlib.closing(sqlite3.connect(settings.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert client.get(READY).status_code == 200
        other.execute("ROLLBACK")


def test_the_old_release_stays_ready_on_a_newer_schema(client: FlaskClient, settings: Settings) -> None:
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    assert client.get(READY).status_code == 200


def test_asking_leaves_nothing_in_the_database(application: Flask, settings: Settings) -> None:
    client = application.test_client()
    client.get(READY)
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        client.get(READY)
        assert connection.execute("PRAGMA data_version").fetchone() == before


def test_many_who_ask_at_once_all_hear_yes(tmp_path: Path) -> None:
    """Fresh connections open and close the file all the time; its moments of being locked are no outage."""
    path = tmp_path / "interview.sqlite3"
    schema.migrate(path)
    stores = [store.Store(path) for _ in range(2)]
    problems: list[str] = []

    def ask(one: store.Store) -> None:
        for _ in range(100):
            try:
                one.check()
            except store.Unusable as error:
                problems.append(str(error))

    askers = [threading.Thread(target=ask, args=(one,)) for one in stores for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert problems == []
