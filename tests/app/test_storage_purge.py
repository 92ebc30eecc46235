"""What is past its time goes, for good, and once for all processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from app import Settings, create_app, factory
from app.storage.database import Database
from app.storage.purge import BATCH, Purged, purge, purge_if_due
from app.storage.tables import chore, interview, quota_day, quota_queue
from tests.app.conftest import ROOT, close, file_of, request
from tests.support.rows import OWNED, insert_interview
from tests.support.waiting import until

SECRET = "Kim Minji lives at Sejong-daero 110, Seoul"


def counts(database: Database) -> list[int]:
    with database.reading() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (interview, *OWNED)
        ]


def test_what_expired_goes_with_all_that_belongs_to_it(database: Database) -> None:
    expired = BATCH * 2 + 3
    with database.writing() as connection:
        for number in range(expired):
            insert_interview(connection, f"old{number}", expires_at=1000 + number)
        insert_interview(connection, "new")
    assert purge(database).interviews == expired
    assert counts(database) == [1] * 6
    assert purge(database) == Purged()


def test_day_counts_and_dead_tickets_go(database: Database) -> None:
    with database.writing() as connection:
        for day in ("2020-01-01", "9999-01-01"):
            connection.execute(insert(quota_day).values(model="m", day=day, used=1))
        for ticket, seen in (("dead", 1), ("alive", 2**60)):
            connection.execute(insert(quota_queue).values(model="m", ticket=ticket, seen_at=seen))
    assert purge(database) == Purged(0, 1, 1)


def test_of_many_that_find_it_due_one_does_it(database: Database) -> None:
    done: list[Purged | None] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        done.append(purge_if_due(database))

    for _ in range(2):
        done.clear()
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(result is not None for result in done) == 1
        assert len(done) == 8
        with database.writing() as connection:
            connection.execute(update(chore).values(due_at=chore.c.due_at - 3600_000))


def test_a_service_does_it_by_itself_and_removes_old_snapshots(settings: Settings) -> None:
    folder = file_of(settings).parent
    old = folder / f"{file_of(settings).name}.schema-0001.20260101T000000000000Z.snapshot.gz"
    old.touch()
    os.utime(old, (0, 0))
    application = create_app(settings)
    with application.extensions["database"].writing() as connection:
        insert_interview(connection, "old", expires_at=1)
    application.extensions["runner"].start()
    until(lambda: not old.exists(), "the snapshot is gone")
    with application.extensions["database"].reading() as connection:
        assert not connection.execute(select(interview.c.id)).all()
    close(application)


def test_who_clears_away_keeps_nobody_waiting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def slowly(*_: object) -> None:
        begun.set()
        go.wait(120)

    monkeypatch.setattr(factory, "purge_if_due", slowly)
    application = create_app(settings)
    client = application.test_client()
    try:
        assert client.post("/api/interviews", json=request()).status_code == 201
        assert begun.wait(60)
        assert client.post("/api/interviews", json=request()).status_code == 201
    finally:
        go.set()
    close(application)


def test_a_due_time_far_ahead_is_a_clocks_mistake(database: Database) -> None:
    assert purge_if_due(database) is not None
    assert purge_if_due(database) is None
    with database.writing() as connection:
        connection.execute(update(chore).values(due_at=2**60))
    assert purge_if_due(database) is not None


def test_no_byte_of_a_resume_is_left_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "interview.sqlite3"
    migrate = [sys.executable, "-m", "app", "migrate"]
    subprocess.run(migrate, cwd=ROOT, env={"INTERVIEW_DATABASE": str(file)}, check=True, capture_output=True)
    database = Database(str(file))

    def found() -> bool:
        return any(SECRET.encode() in part.read_bytes() for part in tmp_path.iterdir() if part.is_file())

    with database.writing() as connection:
        for number in range(50):
            insert_interview(connection, f"i{number}", resume=f"{SECRET} {number} " * 300, expires_at=1)
    database.forget()
    assert found()
    purge(database)
    assert not found()
    assert not [part.name for part in tmp_path.iterdir() if part.name.endswith(".snapshot.gz")]
    database.close()
