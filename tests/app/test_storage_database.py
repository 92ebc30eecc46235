"""Connections, transactions, errors and readiness, with SQLite and with MariaDB."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from app.storage import database as module
from app.storage import errors
from app.storage.address import BadAddress, mask, parse
from app.storage.beginning import begin
from app.storage.database import Database, now_us
from app.storage.engines import SERVING
from app.storage.errors import Busy, Lost, StorageError, Unusable
from app.storage.migration import Migration
from app.storage.tables import chore, interview, metadata, quota_queue
from tests.app.conftest import ROOT
from tests.support.mariadb import PASSWORD, MariaDB
from tests.support.rows import OWNED, RESUME, insert_interview, interview_row


def count(database: Database, table: Table = interview) -> int:
    return database.read(lambda c: c.execute(select(func.count()).select_from(table)).scalar_one())


def test_what_is_written_is_read_back_to_the_letter(database: Database) -> None:
    with database.writing() as connection:
        insert_interview(connection, "one")
    with database.reading() as connection:
        row = connection.execute(select(interview)).one()
    assert row.resume == RESUME
    assert row.role == "백엔드 개발자"
    assert row.document == bytes(range(256))


def test_the_largest_texts_and_documents_fit(database: Database) -> None:
    resume, document = "힣" * 200_000, os.urandom(5_000_000)
    with database.writing() as connection:
        insert_interview(connection, "large", resume=resume, document=document, role="👩" * 200)
    with database.reading() as connection:
        row = connection.execute(select(interview)).one()
    assert (row.resume, row.document, row.role) == (resume, document, "👩" * 200)


def test_ids_are_told_apart_by_case_and_accents(database: Database) -> None:
    names = ["abc", "ABC", "abç"]  # a trailing space is what MariaDB does not tell apart
    with database.writing() as connection:
        for name in names:
            insert_interview(connection, name)
    with database.reading() as connection:
        found = connection.execute(select(interview.c.id).where(interview.c.id == "ABC")).scalars().all()
    assert (found, count(database)) == (["ABC"], 3)


def test_an_exception_rolls_back(database: Database) -> None:
    def fail() -> None:
        with database.writing() as connection:
            connection.execute(insert(interview), interview_row("one"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert count(database) == 0


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises((DBAPIError, StorageError)), database.reading() as connection:
        connection.execute(insert(chore).values(name="x", due_at=1))
    with database.writing() as connection:
        connection.execute(insert(chore).values(name="x", due_at=1))
    assert count(database, chore) == 1


def test_reading_sees_one_moment(database: Database) -> None:
    with database.reading() as connection:
        before = connection.execute(select(func.count()).select_from(interview)).scalar_one()
        with database.writing() as other:
            insert_interview(other, "one")
        after = connection.execute(select(func.count()).select_from(interview)).scalar_one()
    assert (before, after, count(database)) == (0, 0, 1)


def test_a_key_that_is_there_already_is_the_callers_matter(database: Database) -> None:
    with database.writing() as connection:
        insert_interview(connection, "one")
    with pytest.raises(IntegrityError), database.writing() as connection:
        insert_interview(connection, "one")


def test_deleting_an_interview_leaves_no_row_anywhere(database: Database) -> None:
    with database.writing() as connection:
        insert_interview(connection, "one")
        insert_interview(connection, "two")
    with database.writing() as connection:
        connection.execute(delete(interview).where(interview.c.id == "one"))
    assert [count(database, table) for table in (interview, *OWNED)] == [1] * 6


def test_the_queue_numbers_itself_upwards(database: Database) -> None:
    with database.writing() as connection:
        for ticket in "abc":
            connection.execute(insert(quota_queue).values(model="m", ticket=ticket, seen_at=1))
        connection.execute(delete(quota_queue).where(quota_queue.c.ticket == "a"))
        connection.execute(insert(quota_queue).values(model="m", ticket="d", seen_at=1))
        tickets = (
            connection.execute(select(quota_queue.c.ticket).order_by(quota_queue.c.place)).scalars().all()
        )
    assert list(tickets) == ["b", "c", "d"]


def test_the_databases_clock_goes_on(database: Database) -> None:
    with database.reading() as connection:
        first, second = now_us(connection), now_us(connection)
    assert first < second


def test_a_lock_that_is_not_to_be_had_is_busy(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERVING", replace(SERVING, lock=1.0))
    impatient = Database(str(database.url.render_as_string(hide_password=False)))
    with database.writing() as connection:
        connection.execute(insert(chore).values(name="x", due_at=1))
    try:
        with database.writing() as holder:
            holder.execute(update(chore).values(due_at=2))
            with pytest.raises(Busy), impatient.writing() as connection:
                connection.execute(update(chore).values(due_at=3))
    finally:
        impatient.close()


def test_retrying_gets_through_where_others_deadlock(database: Database) -> None:
    """Two that lock two rows in opposite order: MariaDB breaks one off, which is then done again."""
    with database.writing() as connection:
        for name in "ab":
            connection.execute(insert(chore).values(name=name, due_at=0))
    both = threading.Barrier(2)
    met = threading.local()

    def add(order: str) -> None:
        def work(connection: Connection) -> None:
            for number, name in enumerate(order):
                connection.execute(
                    update(chore).where(chore.c.name == name).values(due_at=chore.c.due_at + 1)
                )
                if number == 0 and not hasattr(met, "once") and database.file is None:
                    met.once = True
                    both.wait(30)

        database.retrying(work)

    threads = [threading.Thread(target=add, args=(order,)) for order in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as connection:
        assert connection.execute(select(chore.c.due_at)).scalars().all() == [2, 2]


def test_a_crowd_shares_few_connections_and_loses_nothing(database: Database) -> None:
    def work(number: int) -> None:
        database.retrying(lambda c: c.execute(insert(interview), interview_row(f"i{number}")))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 60


def test_a_fork_has_connections_of_its_own(database: Database) -> None:
    with database.writing() as connection:
        insert_interview(connection, "parent")
    with database.reading() as connection:
        mine = connection.connection.driver_connection
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with database.writing() as inner:
                    assert inner.connection.driver_connection is not mine
                    insert_interview(inner, "child")
                database.check()
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        connection.execute(select(interview)).all()  # still in step with the server
    assert count(database) == 2


def test_ready_says_nothing(database: Database) -> None:
    database.check()


def test_not_ready_without_a_schema(url: str) -> None:
    if url.startswith("sqlite"):
        sqlite3.connect(url.removeprefix("sqlite:///")).close()
    database = Database(url)
    with pytest.raises(Unusable, match="python -m app migrate"):
        database.check()
    database.close()


def test_a_writer_does_not_make_it_unready(database: Database) -> None:
    with database.writing() as connection:
        insert_interview(connection, "one")
        database.check()


def test_a_missing_file_is_told_and_not_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/none.sqlite3")
    with pytest.raises(Unusable, match="INTERVIEW_DATABASE"):
        database.check()
    with pytest.raises(Unusable), database.reading():
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("my notes, " * 200)
    with pytest.raises(Unusable, match="INTERVIEW_DATABASE"):
        Database(f"sqlite:///{tmp_path}/x").check()


def test_a_wrong_password_is_told_without_it(mariadb: MariaDB) -> None:
    address = mariadb.url("nothing").replace(":p%40", ":q%40")
    with pytest.raises(Unusable, match="Access denied") as caught:
        Database(address).check()
    assert PASSWORD[1:] not in str(caught.value)


def orig(error: Exception) -> OperationalError:
    return OperationalError("SELECT 1", None, error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), Busy),
        (pymysql.err.OperationalError(1213, "Deadlock found"), Busy),
        (pymysql.err.OperationalError(1040, "Too many connections"), Busy),
        (pymysql.err.OperationalError(2003, "Can't connect"), Lost),
        (pymysql.err.OperationalError(2013, "Lost connection"), Lost),
        (pymysql.err.InterfaceError(0, ""), Lost),
        (pymysql.err.OperationalError(1049, "Unknown database"), Unusable),
        (pymysql.err.ProgrammingError(1146, "Table doesn't exist"), Unusable),
        (pymysql.err.OperationalError(1114, "The table is full"), Unusable),
        (pymysql.err.ProgrammingError(1064, "You have an error in your SQL syntax"), None),
    ],
)
def test_every_trouble_has_its_class(error: Exception, kind: type[StorageError] | None) -> None:
    mapped = errors.mapped(orig(error))
    assert (type(mapped) if mapped else None) is kind


def test_a_commit_that_was_cut_off_is_uncertain() -> None:
    lost = orig(pymysql.err.OperationalError(2013, "Lost connection"))
    assert [getattr(errors.mapped(lost, committing=c), "uncertain", None) for c in (True, False)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/x.sqlite3", "/data/x.sqlite3"),
        ("sqlite:////data/x.sqlite3", "/data/x.sqlite3"),
        ("mysql+pymysql://u:se%40cret@h:3307/d?ssl_key=secret", "mysql+pymysql://u:***@h:3307/d"),
        ("mysql+pymysql://u:s@cret@h:port/d", "mysql+pymysql://u:***@h:port/d"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "x.sqlite3",
        "sqlite:///x.sqlite3",
        "sqlite://",
        "postgresql://u:secret@h/d",
        "mysql+pymysql://u:secret@h",
    ],
)
def test_another_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        parse(text)
    assert "secret" not in str(caught.value)


def test_serving_does_not_import_alembic() -> None:
    modules = "app.storage.database, app.storage.quota, app.storage.purge"
    check = f"import sys, {modules}; print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_schema_is_the_tables(database: Database) -> None:
    """What the migrations make is what this release's code expects, on both databases."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_mariadbs_tables_are_four_byte_and_case_sensitive(mariadb: MariaDB, tmp_path: Path) -> None:
    with mariadb.database() as address:
        Migration(address, snapshots=tmp_path).migrate()
        with mariadb.connect(address.rpartition("/")[2]) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT table_collation FROM information_schema.tables"
                " WHERE table_schema = DATABASE() AND table_name <> 'alembic_version'"
            )
            assert cursor.fetchall() == (("utf8mb4_bin",),)


def test_a_first_start_makes_the_file_and_no_later_one_touches_it(tmp_path: Path) -> None:
    database = Database(f"{tmp_path}/interview.sqlite3")
    begin(database)
    database.check()
    database.close()
    (tmp_path / "other.sqlite3").write_text("my notes")
    begin(Database(f"{tmp_path}/other.sqlite3"))
    assert (tmp_path / "other.sqlite3").read_text() == "my notes"


def test_a_first_start_that_fails_is_left_to_the_readiness_check(tmp_path: Path) -> None:
    database = Database(f"{tmp_path}/none/interview.sqlite3")
    begin(database)
    with pytest.raises(Unusable):
        database.check()
