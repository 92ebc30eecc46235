"""Migrations, snapshots and what a release can run on, with SQLite and with MariaDB."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, inspect, select, text

from app import Settings, create_app
from app.access import digest
from app.storage import compatibility, migration, snapshot
from app.storage.compatibility import SCHEMA, State
from app.storage.database import Database
from app.storage.errors import Busy, Lost, Unusable
from app.storage.migration import VERSIONS, Migration
from app.storage.tables import interview, metadata, schema_step
from tests.app.conftest import ROOT, close
from tests.support import nursery
from tests.support.bound import BOUND
from tests.support.mariadb import MariaDB
from tests.support.names import free_port
from tests.support.rows import insert_interview
from tests.support.waiting import until

EXPANDS = '''"""Add a mood to interviews."""
from alembic import op
import sqlalchemy as sa
revision, down_revision, kind = "0002", "0001", "expands"
def upgrade():
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("interview")}
    if "mood" not in there:
        op.add_column("interview", sa.Column("mood", sa.String(20)))
'''
CONTRACTS = '''"""Take the persona away."""
from alembic import op
import sqlalchemy as sa
revision, down_revision, kind, minimum = "0003", "0002", "contracts", "0002"
def upgrade():
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("interview")}
    if "persona" in there:
        op.drop_column("interview", "persona")
'''


@pytest.fixture
def expanding(tmp_path: Path) -> Sequence[Path]:
    """The versions of the next release."""
    return (*VERSIONS, _folder(tmp_path / "next", r0002=EXPANDS))


@pytest.fixture
def contracting(tmp_path: Path) -> Sequence[Path]:
    """The versions of the one after that."""
    return (*VERSIONS, _folder(tmp_path / "later", r0002=EXPANDS, r0003=CONTRACTS))


def _folder(folder: Path, **modules: str) -> Path:
    folder.mkdir()
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    return folder


@pytest.fixture
def snapshots(tmp_path: Path) -> Path:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    return folder


def settings(url: str, folder: Path | None = None) -> dict[str, str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("INTERVIEW_")}
    more = {"INTERVIEW_SNAPSHOTS": str(folder)} if folder else {}
    return outer | {"INTERVIEW_DATABASE": url} | more


def command(url: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*BOUND, sys.executable, "-m", "app", *words],
        cwd=ROOT,
        env=settings(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(url: str, *words: str, folder: Path | None = None) -> tuple[int, str, str]:
    done = nursery.run("app", words, cwd=ROOT, env=settings(url, folder))
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def content(database: Database) -> dict[str, list[Any]]:
    with database.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in metadata.sorted_tables
            if table is not schema_step
        }


def fill(database: Database, *names: str) -> None:
    with database.writing() as connection:
        for name in names or ("one", "two"):
            insert_interview(connection, name)


# -- migrating -------------------------------------------------------------------


def test_of_many_that_migrate_at_once_one_does_it_and_all_succeed(url: str) -> None:
    processes = [command(url, "migrate") for _ in range(4)]
    outputs = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert [status for _, _, status in outputs] == [0] * 4, outputs
    assert sum(f"from schema 0000 to {SCHEMA}" in out for out, _, _ in outputs) == 1
    assert sum(f"at schema {SCHEMA} already" in out for out, _, _ in outputs) == 3


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
    with mariadb.database() as url:
        mariadb.kill()
        process = command(url, "migrate")
        mariadb.start()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
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
    folder = _folder(tmp_path / "broken", r0002=broken)
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


def test_a_snapshot_brings_back_the_same_content(
    database: Database, url: str, contracting: Sequence[Path], snapshots: Path
) -> None:
    fill(database)
    before = content(database)
    later = Migration(url, versions=contracting, snapshots=snapshots)
    kept = later.migrate().snapshot
    assert kept
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with database.writing() as connection:
        connection.execute(text("DELETE FROM interview WHERE id = 'one'"))
    assert later.restore(kept).after == "0001"
    assert content(database) == before
    database.check()
    with database.reading() as connection:
        assert "persona" in {column["name"] for column in inspect(connection).get_columns("interview")}


def test_a_snapshot_moves_from_one_kind_of_database_to_the_other(
    database: Database, mariadb: MariaDB, tmp_path: Path, snapshots: Path, expanding: Sequence[Path], url: str
) -> None:
    fill(database)
    before = content(database)
    kept = Migration(url, versions=expanding, snapshots=snapshots).migrate().snapshot
    with mariadb.database() as server:
        other = server if url.startswith("sqlite") else str(tmp_path / "other.sqlite3")
        assert run(other, "restore", str(kept), folder=snapshots)[0] == 0
        target = Database(other)
        assert content(target) == before
        target.close()


def test_the_newest_three_snapshots_are_kept(database: Database, snapshots: Path) -> None:
    fill(database)
    with database.engine.connect() as connection:
        taken = [snapshot.take(connection, snapshots, "x", "0001") for _ in range(5)]
        snapshot.take(connection, snapshots, "another", "0001")
    assert snapshot.snapshots(snapshots, "x") == taken[2:]
    assert len(list(snapshots.iterdir())) == 4


def test_an_empty_database_is_not_worth_a_snapshot(
    database: Database, url: str, expanding: Sequence[Path], snapshots: Path
) -> None:
    assert Migration(url, versions=expanding, snapshots=snapshots).migrate().snapshot is None
    assert not list(snapshots.iterdir())


def test_what_is_deleted_is_erased_from_snapshots(
    database: Database, url: str, snapshots: Path, settings: Settings
) -> None:
    fill(database)
    prefix = snapshot.place(database.url, None)[1]
    with database.engine.connect() as connection:
        taken = [snapshot.take(connection, snapshots, prefix, "0001") for _ in range(2)]
    before = [path.stat().st_mtime_ns for path in taken]
    left = snapshots / f"{prefix}.schema-0001.x.snapshot.unfinished"  # by one that was killed
    left.write_text("김민지")
    application = create_app(replace(settings, database=url, snapshots=snapshots))
    token = "t" * 43
    with database.writing() as connection:
        connection.execute(interview.update().where(interview.c.id == "one").values(token_hash=digest(token)))
    response = application.test_client().delete(
        "/api/interviews/one", headers={"Authorization": f"Bearer {token}"}
    )
    assert response.status_code == 204
    close(application)
    remains = content(database)
    for path in taken:
        assert snapshot.verify(path) == "0001"
        words = gzip.decompress(path.read_bytes()).decode()
        assert '"one"' not in words
        assert '"tone"' not in words  # its task
        assert '"two"' in words
    assert [path.stat().st_mtime_ns for path in taken] == before
    assert not left.exists()
    Migration(url, snapshots=snapshots).restore(taken[1])
    assert content(database) == remains


def test_a_snapshot_that_cannot_be_rewritten_is_named(database: Database, snapshots: Path) -> None:
    fill(database)
    with database.engine.connect() as connection:
        broken, whole = (snapshot.take(connection, snapshots, "x", "0001") for _ in range(2))
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(Unusable, match=broken.name):
        snapshot.erase(snapshots, "x", ["one"], since=0)
    assert '"one"' not in gzip.decompress(whole.read_bytes()).decode()
    untouched = whole.read_bytes()
    snapshot.erase(snapshots, "x", ["two"], since=2**50)
    assert whole.read_bytes() == untouched, "it is older than the interview"
    # By somebody else's hand: a row that is not as wide as its table says.
    foreign = [
        {"snapshot": 1, "schema": "0001"},
        {"table": "interview", "columns": ["id", "x"]},
        ["one"],
        {"rows": 1},
    ]
    broken.write_bytes(gzip.compress("\n".join(map(json.dumps, foreign)).encode()))
    with pytest.raises(Unusable, match=broken.name):
        snapshot.erase(snapshots, "x", ["two"], since=0)
    assert '"two"' not in gzip.decompress(whole.read_bytes()).decode()


def test_a_snapshot_that_goes_meanwhile_keeps_no_other_from_being_rewritten(
    database: Database, snapshots: Path
) -> None:
    fill(database)
    with database.engine.connect() as connection:
        left = snapshot.take(connection, snapshots, "x", "0001")
    gone = snapshots / "x.schema-0001.20000101T000000000000Z.snapshot.gz"
    gone.symlink_to("nowhere")  # it is listed, and is not there when it is looked at
    assert snapshot.snapshots(snapshots, "x") == [gone, left]
    snapshot.erase(snapshots, "x", ["one"], since=0)
    assert '"one"' not in gzip.decompress(left.read_bytes()).decode()
    assert snapshot.remove_old(snapshots, "x", days=-1) == 1
    assert not left.exists()


def test_old_snapshots_wait_for_who_writes_them(database: Database, snapshots: Path) -> None:
    """Or one that is being rewritten comes back after it was removed."""
    fill(database)
    with database.engine.connect() as connection:
        old = snapshot.take(connection, snapshots, "x", "0001")
    os.utime(old, (0, 0))
    waits = re.compile(rf"-> FLOCK .*:{snapshots.stat().st_ino} ")
    with ThreadPoolExecutor(1) as pool:
        with snapshot._alone(snapshots, "x"):
            removing = pool.submit(snapshot.remove_old, snapshots, "x")
            until(lambda: removing.done() or waits.search(Path("/proc/locks").read_text()), "it waits")
            assert old.exists()
        assert removing.result(60) == 1
    assert not old.exists()


def test_without_a_folder_there_is_nothing_old(tmp_path: Path) -> None:
    assert snapshot.remove_old(tmp_path / "none", "x") == 0


def test_old_snapshots_go(database: Database, snapshots: Path) -> None:
    fill(database)
    with database.engine.connect() as connection:
        old, new = (snapshot.take(connection, snapshots, "x", "0001") for _ in range(2))
    os.utime(old, (0, 0))
    assert snapshot.remove_old(snapshots, "x") == 1
    assert list(snapshots.iterdir()) == [new]


@pytest.mark.parametrize("harm", ["cut", "no end", "not gzip"])
def test_a_snapshot_that_is_not_whole_changes_nothing(
    database: Database, url: str, snapshots: Path, harm: str
) -> None:
    fill(database)
    before = content(database)
    with database.engine.connect() as connection:
        kept = snapshot.take(connection, snapshots, "x", "0001")
    match harm:
        case "cut":
            kept.write_bytes(kept.read_bytes()[:-50])
        case "no end":
            lines = gzip.decompress(kept.read_bytes()).splitlines(keepends=True)
            kept.write_bytes(gzip.compress(b"".join(lines[:-1])))
        case _:
            kept.write_text("notes")
    with pytest.raises(Unusable, match="no whole snapshot"):
        Migration(url, snapshots=snapshots).restore(kept)
    assert content(database) == before


def test_a_snapshot_of_a_newer_release_is_refused(
    database: Database, url: str, expanding: Sequence[Path], snapshots: Path
) -> None:
    fill(database)
    Migration(url, versions=expanding, snapshots=snapshots).migrate()
    with database.engine.connect() as connection:
        kept = snapshot.take(connection, snapshots, "x", "0002")
    with pytest.raises(Unusable, match="newer"):
        Migration(url, snapshots=snapshots).restore(kept)


def test_a_folder_that_cannot_be_written_stops_before_anything_is_changed(
    database: Database, url: str, expanding: Sequence[Path], tmp_path: Path
) -> None:
    fill(database)
    with pytest.raises(Unusable, match="snapshot"):
        Migration(url, versions=expanding, snapshots=tmp_path / "none").migrate()
    assert database.read(compatibility.state).revision == "0001"


@pytest.fixture(autouse=True)
def _no_cached_versions() -> Iterator[None]:
    """Python must not take a version of another test for this one's."""
    yield
    for name in [name for name in sys.modules if name.startswith("r000")]:
        del sys.modules[name]
