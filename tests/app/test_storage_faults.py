"""A MariaDB server that is killed, paused and started again, under a process that goes on."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import func, select, text

from app.storage import database as module
from app.storage.database import READY_WITHIN, Database
from app.storage.errors import Busy, Lost, Unusable
from app.storage.migration import Migration
from app.storage.quota import Grant, Quota
from app.storage.tables import interview
from tests.support.mariadb import MariaDB
from tests.support.rows import insert_interview
from tests.support.waiting import until


@pytest.fixture
def url(mariadb: MariaDB) -> Iterator[str]:
    """MariaDB's alone."""
    with mariadb.database() as made:
        yield made


def count(database: Database) -> int:
    return database.read(lambda c: c.execute(select(func.count()).select_from(interview)).scalar_one())


def ready(database: Database) -> bool:
    try:
        database.check()
    except Unusable:
        return False
    return True


class Writers:
    """Threads that write one interview after another, and know what was acknowledged."""

    def __init__(self, database: Database, threads: int = 4) -> None:
        self._database = database
        self.acknowledged: list[str] = []
        self.uncertain: list[str] = []
        self.others: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def go_on(self) -> None:
        """Wait until some more are acknowledged."""
        enough = len(self.acknowledged) + 20
        until(lambda: len(self.acknowledged) >= enough or self.others, "it writes")

    def _write(self) -> None:
        while not self._stop.is_set():
            name = secrets.token_hex(8)
            try:
                with self._database.writing() as connection:
                    insert_interview(connection, name)
            except Lost as error:
                if error.uncertain:
                    self.uncertain.append(name)
                self._stop.wait(0.02)
            except BaseException as error:  # noqa: BLE001  # asserted to be none
                self.others.append(error)
                return
            else:
                self.acknowledged.append(name)


def test_what_was_acknowledged_outlives_a_kill_and_nothing_is_half_there(
    mariadb: MariaDB, database: Database
) -> None:
    with Writers(database) as writers:
        for _ in range(2):
            writers.go_on()
            mariadb.kill()
            mariadb.start()
        writers.go_on()
    assert not writers.others
    with database.reading() as connection:
        kept = set(connection.execute(select(interview.c.id)).scalars())
        halves = connection.execute(
            text(
                "SELECT count(*) FROM interview i LEFT JOIN idempotency k ON k.interview = i.id"
                " WHERE k.scope IS NULL"
            )
        ).scalar_one()
    assert set(writers.acknowledged) <= kept <= {*writers.acknowledged, *writers.uncertain}
    assert halves == 0


def test_a_read_goes_on_after_a_restart(
    mariadb: MariaDB, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_TRYING", 60.0)  # however busy the machine is
    with database.writing() as connection:
        insert_interview(connection, "one")
    found: list[int] = []
    mariadb.kill()
    reader = threading.Thread(target=lambda: found.append(count(database)))
    reader.start()
    mariadb.start()
    reader.join(120)
    assert found == [1]


def test_a_connection_that_died_idle_is_not_noticed(mariadb: MariaDB, database: Database) -> None:
    """Neither by reading nor by writing: the pool asks before it lends."""
    assert count(database) == 0
    mariadb.kill()
    mariadb.start()
    with database.reading() as connection:
        connection.execute(select(interview)).all()
    mariadb.kill()
    mariadb.start()
    with database.writing() as connection:
        insert_interview(connection, "one")
    assert count(database) == 1


def test_one_that_is_gone_is_lost_and_unready(mariadb: MariaDB, database: Database) -> None:
    mariadb.kill()
    try:
        with pytest.raises(Lost) as caught, database.reading():
            pass
        assert not caught.value.uncertain
        with pytest.raises(Unusable):
            database.check()
    finally:
        mariadb.start()
    database.check()


def test_readiness_is_answered_while_the_server_hangs(
    mariadb: MariaDB, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.check()
    monkeypatch.setattr(module, "READY_WITHIN", READY_WITHIN)
    with mariadb.paused():
        for _ in range(5):
            with pytest.raises(Unusable):
                database.check()
        probes = [thread for thread in threading.enumerate() if thread.name == "probe"]
        assert len(probes) <= 1  # they do not pile up
    until(lambda: ready(database), "it is ready again")


def test_a_read_only_server_is_unready(mariadb: MariaDB, database: Database) -> None:
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        with pytest.raises(Unusable, match="read-only"):
            database.check()
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")


def test_too_many_connections_are_waited_out(
    mariadb: MariaDB, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_TRYING", 60.0)
    database.close()
    mariadb.execute("SET GLOBAL max_connections = 10")
    held = [mariadb.connect() for _ in range(10)]
    try:
        with pytest.raises(Busy), database.reading():
            pass
        found: list[int] = []
        reader = threading.Thread(target=lambda: found.append(count(database)))
        reader.start()
        for connection in held:
            connection.close()
        reader.join(60)
        assert found == [0]
    finally:
        for connection in held:
            if connection.open:
                connection.close()
        mariadb.execute("SET GLOBAL max_connections = 200")


def test_the_quota_outlives_a_kill(mariadb: MariaDB, database: Database) -> None:
    quota = Quota(database, "model", 3, None)
    assert all(isinstance(quota.take(f"t{number}"), Grant) for number in range(2))
    mariadb.kill()
    mariadb.start()
    assert isinstance(quota.take("t2"), Grant)
    assert not isinstance(quota.take("t3"), Grant)


def test_a_migration_whose_server_is_killed_is_done_again(mariadb: MariaDB, url: str, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            Migration(url, snapshots=tmp_path).migrate()
        except BaseException as error:  # noqa: BLE001  # asserted below
            failures.append(error)

    def begun() -> bool:
        with mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = %s",
                (url.rpartition("/")[2],),
            )
            return bool(cursor.fetchall()[0][0])

    worker = threading.Thread(target=migrate)
    worker.start()
    until(begun, "tables appear")
    mariadb.kill()
    mariadb.start()
    worker.join()
    assert all(isinstance(failure, Lost) for failure in failures)
    Migration(url, snapshots=tmp_path).migrate()
    database = Database(url)
    database.check()
    database.close()
