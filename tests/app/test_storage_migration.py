"""Migrations, and what a release can run on, with SQLite and with MariaDB."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.storage import compatibility, migration
from app.storage.compatibility import SCHEMA, State
from app.storage.database import Database
from app.storage.errors import Busy, Lost, Unusable
from app.storage.migration import VERSIONS, Migration
from app.storage.tables import interview
from tests.app.conftest import ROOT
from tests.support.bound import BOUND
from tests.support.mariadb import MariaDB
from tests.support.migrating import EXPANDS, fill, run, versions
from tests.support.names import free_port
from tests.support.waiting import until

# -- migrating -------------------------------------------------------------------


def test_of_many_that_migrate_at_once_one_does_it_and_all_succeed(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(lambda _: run(url, "migrate"), range(4)))
    assert [status for status, _, _ in outputs] == [0] * 4, outputs
    assert sum(f"from schema 0000 to {SCHEMA}" in out for _, out, _ in outputs) == 1
    assert sum(f"at schema {SCHEMA} already" in out for _, out, _ in outputs) == 3


def test_the_password_is_in_no_output(mariadb: MariaDB, tmp_path: Path) -> None:
    with mariadb.database() as url:
        outputs = [
            run(url, *words, folder=tmp_path) for words in (["migrate"], ["migrate", "--plan"], ["purge"])
        ]
    outputs.append(
        run(mariadb.url("x").replace(str(mariadb.port), str(free_port())), "migrate", "--wait", "0")
    )
    outputs.append(run(url.replace("127.0.0.1:", "127.0.0.1:x"), "migrate"))
    assert [status for status, _, _ in outputs] == [0, 0, 0, 1, 2]
    assert not [said for _, *both in outputs for said in both if "p%40ss" in said or "p@ss" in said]


def test_a_newer_schema_is_left_alone(url: str, expanding: Sequence[Path], tmp_path: Path) -> None:
    Migration(url, versions=expanding, snapshots=tmp_path).migrate()
    outcome = Migration(url).migrate()
    assert (outcome.before, outcome.after, outcome.snapshot) == ("0002", "0002", None)


def test_the_plan_tells_and_changes_nothing(url: str, contracting: Sequence[Path], tmp_path: Path) -> None:
    planned = Migration(url, versions=contracting, snapshots=tmp_path)
    state, steps = planned.plan()
    assert state.revision == "0000"
    assert [step.line for step in steps] == [
        "0001 expands: The first tables",
        "0002 expands: Add a mood to interviews",
        "0003 contracts: Take the persona away (only releases for 0002 and later run on it)",
    ]
    assert planned.plan()[0] == state
    assert not list(tmp_path.glob("*.sqlite3"))
    Migration(url, snapshots=tmp_path).migrate()
    assert [step.revision for step in planned.plan()[1]] == ["0002", "0003"]


def test_a_preview_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "interview.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE interview (id TEXT PRIMARY KEY)")
        old.execute("PRAGMA user_version = 1")
        old.commit()
    status, _, error = run(str(file), "migrate")
    assert status == 1
    assert f"mv {file}" in error
    with contextlib.closing(sqlite3.connect(file)) as old:
        assert old.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone() == (1,)


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes, " * 200)
    status, _, error = run(str(file), "migrate")
    assert status == 1
    assert "notes.txt" in error
    assert file.read_text() == "my notes, " * 200


def test_migrating_waits_for_the_server(mariadb: MariaDB) -> None:
    gone = f"mysql+pymysql://u:p@127.0.0.1:{free_port()}/x"
    with pytest.raises(Lost):
        Migration(gone, wait=0.5).migrate()
    with mariadb.database() as url, ThreadPoolExecutor(1) as pool:
        mariadb.kill()
        migrating = pool.submit(run, url, "migrate")
        mariadb.start()
        status, out, err = migrating.result(120)
    assert status == 0, err
    assert f"to {SCHEMA}" in out


def test_the_turn_is_given_up_by_who_dies(url: str) -> None:
    """Whoever is killed while it holds the lock lets the next one in."""
    hold = (
        "import sys, time; from app.storage.migration import Migration\n"
        "with Migration(sys.argv[1])._alone(): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [*BOUND, sys.executable, "-c", hold, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(Busy, match="somebody else"):
                Migration(url, wait=0.2).migrate()
        finally:
            holder.kill()
    assert Migration(url).migrate().after == SCHEMA


def test_an_open_select_delays_a_change_of_its_table_and_others_still_read(
    mariadb: MariaDB, expanding: Sequence[Path], snapshots: Path
) -> None:
    with mariadb.database() as url, contextlib.closing(mariadb.connect(url.rpartition("/")[2])) as reader:
        Migration(url).migrate()
        reader.autocommit(False)
        with reader.cursor() as cursor:
            cursor.execute("SELECT * FROM interview")
        done: list[migration.Outcome] = []
        worker = threading.Thread(
            target=lambda: done.append(Migration(url, versions=expanding, snapshots=snapshots).migrate())
        )
        worker.start()
        until(lambda: _waits_for_table(mariadb), "the ALTER waits for the SELECT")
        until(lambda: not _waits_for_table(mariadb), "the ALTER gives up for now")
        database = Database(url)
        database.check()
        assert (
            database.read(lambda c: c.execute(select(func.count()).select_from(interview)).scalar_one()) == 0
        )
        assert not done
        reader.rollback()
        worker.join(60)
        assert [outcome.after for outcome in done] == ["0002"]
        database.close()


def _waits_for_table(mariadb: MariaDB) -> bool:
    with contextlib.closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM information_schema.processlist"
            " WHERE state = 'Waiting for table metadata lock'"
        )
        return bool(cursor.fetchall()[0][0])


def test_a_writer_goes_on_while_it_is_migrated(
    database: Database, url: str, expanding: Sequence[Path], snapshots: Path
) -> None:
    """The old release writes on while the schema expands under it, and nothing that it wrote is missing."""
    stop = threading.Event()
    written: list[str] = []
    errors: list[BaseException] = []

    def write() -> None:
        while not stop.is_set():
            name = f"w{len(written)}"
            try:
                fill(database, name)
            except BaseException as error:  # noqa: BLE001  # what it was is asserted below
                errors.append(error)
                return
            written.append(name)

    fill(database)
    worker = threading.Thread(target=write)
    worker.start()
    try:
        until(lambda: len(written) > 5, "it writes")
        outcome = Migration(url, versions=expanding, snapshots=snapshots).migrate()
        more = len(written) + 5
        until(lambda: len(written) > more or errors, "it writes on")
    finally:
        stop.set()
        worker.join()
    assert not errors
    assert outcome.after == "0002"
    with database.reading() as connection:
        kept = set(connection.execute(select(interview.c.id)).scalars())
    assert kept == {"one", "two", *written}


def test_a_migration_that_broke_off_is_done_again(url: str, tmp_path: Path) -> None:
    """MariaDB keeps the half that was done; SQLite does not. Both get to the end the second time."""
    broken = EXPANDS + "    if not sa.inspect(op.get_bind()).has_table('repaired'): op.execute('not SQL')\n"
    folder = versions(tmp_path / "broken", r0002=broken)
    Migration(url, snapshots=tmp_path).migrate()
    database = Database(url)
    with pytest.raises(Exception, match="not SQL"):
        Migration(url, versions=(*VERSIONS, folder), snapshots=tmp_path).migrate()
    assert database.read(compatibility.state).revision == "0001"
    database.check()
    (folder / "r0002.py").write_text(EXPANDS)
    assert Migration(url, versions=(*VERSIONS, folder), snapshots=tmp_path).migrate().after == "0002"
    database.close()


# -- compatibility ---------------------------------------------------------------


def test_this_release_is_made_for_its_newest_revision() -> None:
    assert Migration("/none.sqlite3").newest == SCHEMA


def test_this_release_runs_on_an_expanded_schema_and_not_on_a_contracted_one(
    url: str, expanding: Sequence[Path], contracting: Sequence[Path], snapshots: Path
) -> None:
    Migration(url, versions=expanding, snapshots=snapshots).migrate()
    database = Database(url)
    database.check()
    fill(database)
    assert run(url, "check-rollback", "--to", "0001")[0] == 0
    Migration(url, versions=contracting, snapshots=snapshots).migrate()
    with pytest.raises(Unusable, match="restore a snapshot"):
        database.check()
    status, _, error = run(url, "check-rollback", "--to", "0001")
    assert (status, "0002 and later" in error) == (3, True)
    assert run(url, "check-rollback", "--to", "0002")[0] == 0
    database.close()


@pytest.mark.parametrize(
    ("revision", "minimum", "release", "runs"),
    [
        ("0000", "0000", "0001", False),
        ("0001", "0000", "0001", True),
        ("0002", "0000", "0001", True),
        ("0001", "0000", "0002", False),
        ("0003", "0002", "0001", False),
        ("0003", "0002", "0002", True),
        ("0003", "0002", "0004", False),
    ],
)
def test_what_runs_on_what(revision: str, minimum: str, release: str, *, runs: bool) -> None:
    assert (State(revision, minimum).objection(release) is None) is runs


def test_the_commands_refuse_what_makes_no_sense(tmp_path: Path) -> None:
    url = str(tmp_path / "x.sqlite3")
    assert run(url, "check-rollback", "--to", "1")[0] == 2
    assert run(url, "restore", str(tmp_path / "none"))[0] == 1
    assert run("postgresql://h/d", "migrate")[0] == 2
    assert run(url, "schema") == (0, f"{SCHEMA}\n", "")
    assert not list(tmp_path.iterdir())


# -- snapshots -------------------------------------------------------------------
