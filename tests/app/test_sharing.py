"""Two releases on one file: they migrate, write and retry at the same time."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import Settings, schema
from tests.app.conftest import ANSWERS, ROOT, Server, bearer, environment, request


def migrate(settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app", "migrate"],
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_migrating_again_changes_nothing_and_a_newer_schema_is_left_alone(settings: Settings) -> None:
    assert schema.migrate(settings.database) == (0, schema.VERSION)
    assert schema.migrate(settings.database) == (schema.VERSION, schema.VERSION)
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert schema.migrate(settings.database) == (99, 99)


def test_a_step_that_fails_leaves_the_schema_as_it_was(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.migrate(settings.database)
    broken = (*schema.STEPS, ("CREATE TABLE half (x)", "CREATE TABLE half (x)"))
    monkeypatch.setattr(schema, "STEPS", broken)
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(settings.database)
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        assert schema.version(connection) == schema.VERSION
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "notes.txt")
    settings.database.write_text("my notes, " * 200)
    process = migrate(settings)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "notes.txt" in error
    assert "Traceback" not in error
    assert settings.database.read_text() == "my notes, " * 200


def test_requests_sent_to_both_releases_at_once_are_applied_once(
    serve: Callable[[], Server], settings: Settings
) -> None:
    releases = [serve(), serve()]

    def both(path: str, body: object, headers: dict[str, str]) -> list[tuple[int, object]]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda release: release.ask("POST", path, body, headers), releases))

    def interview(number: int) -> None:
        key = {"Idempotency-Key": f"interview-number-{number:04}"}
        created = both("/api/interviews", request(questions=2), key)
        assert created[0] == created[1]
        status, document = created[0]
        assert status == 201
        assert isinstance(document, dict)
        path = f"/api/interviews/{document['id']}/answers"
        answered = both(path, {"question": 1, "text": ANSWERS["en"]}, key | bearer(document))
        assert answered[0] == answered[1]
        assert answered[0][0] == 201

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(interview, range(40)))
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("interview", "answer", "question")
        ]
    assert counts == [40, 40, 120]
