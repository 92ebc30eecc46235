"""Snapshots: taken before a migration, brought back, rewritten, gone, with SQLite and with MariaDB."""

from __future__ import annotations

import gzip
import json
import os
import re
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from app import Settings, create_app
from app.access import digest
from app.storage import compatibility, snapshot
from app.storage.database import Database
from app.storage.errors import Unusable
from app.storage.migration import Migration
from app.storage.tables import interview
from tests.app.conftest import close
from tests.support.mariadb import MariaDB
from tests.support.migrating import content, fill, run
from tests.support.waiting import until


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
