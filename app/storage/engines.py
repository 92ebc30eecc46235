"""SQLAlchemy engines set up as each database needs it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from app.storage.address import file_of
from app.storage.errors import of_sqlite

WRITES = "interview_writes"
"""The execution option of a connection whose next transaction writes."""
SETTLED = 5  # idle connections that are kept, at most
CROWD = 10  # more of them under load: a transaction takes milliseconds, and a server has 151 for everybody


@dataclass(frozen=True)
class Patience:
    """How long a connection waits, in seconds, before it fails.

    :param connect: for a server to answer at all.
    :param answer: for its answer to one statement.
    :param lock: for rows that others have locked (MariaDB), for the file (SQLite).
    :param tables: for a table whose definition others are using or changing (MariaDB).
    :param pool: for a connection of the pool.
    """

    connect: float = 3.0
    answer: float = 10.0
    lock: float = 5.0
    tables: int = 5
    pool: float = 5.0


SERVING = Patience()
PROBING = Patience(connect=0.4, answer=0.4, lock=0.3, tables=1, pool=0.1)
MIGRATING = Patience(answer=3600.0, lock=30.0, tables=2)
"""Of DDL: every SELECT on a table queues behind an ALTER that waits, so that waits two seconds, and again."""


def make_engine(
    url: URL,
    patience: Patience = SERVING,
    *,
    threads: int = 1,
    create: bool = False,
    foreign_keys: bool = True,
) -> Engine:
    """An engine that connects when it is first used.

    :param threads: how many will use it at once; the pool is sized by them.
    :param create: whether a SQLite file that is missing is made. Serving must not: a missing volume would
        look like an empty database.
    :param foreign_keys: off for changing tables in SQLite, where dropping one would empty those that refer to
        it.
    """
    path = file_of(url)
    if path is None:
        return _mariadb(url, patience, threads)
    return _sqlite(path, patience, threads, create=create, foreign_keys=foreign_keys)


def _sqlite(path: Path, patience: Patience, threads: int, *, create: bool, foreign_keys: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=patience.lock,
            isolation_level=None,  # BEGIN is ours
            check_same_thread=False,  # a connection moves between threads, but is never used by two at once
        )
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA synchronous = FULL")  # an answer that was accepted survives a power cut
        connection.execute("PRAGMA secure_delete = ON")  # a deleted resume does not linger in free pages
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=min(threads, SETTLED),
        max_overflow=min(threads, CROWD),
        pool_timeout=patience.pool,
        hide_parameters=True,  # they are personal data, and errors are logged
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        # Reading only is what MariaDB is told too: a mistake must not depend on the database.
        connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _mariadb(url: URL, patience: Patience, threads: int) -> Engine:
    session = (
        "time_zone = '+00:00'",  # or an hour would come twice in autumn
        "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",  # or a text too long would be cut silently
        f"innodb_lock_wait_timeout = {max(round(patience.lock), 1)}",
        f"lock_wait_timeout = {patience.tables}",
    )
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=280,  # below the 300 s after which middleboxes forget a connection
        pool_size=min(threads, SETTLED),
        max_overflow=min(threads, CROWD),
        pool_timeout=patience.pool,
        hide_parameters=True,
        connect_args={
            "charset": "utf8mb4",
            "collation": "utf8mb4_bin",
            "connect_timeout": patience.connect,
            "read_timeout": patience.answer,
            "write_timeout": patience.answer,
            "init_command": f"SET SESSION {', '.join(session)}",
        },
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(WRITES, False):
            # Several SELECTs see one moment; READ COMMITTED is for writers, whose locks stay narrow.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine


def pragma(connection: Connection, statement: str) -> object:
    """Run a PRAGMA of SQLite that may not be in a transaction; the first value of its answer.

    :raises StorageError: as for other statements.
    """
    connection.rollback()
    raw = cast(sqlite3.Connection, connection.connection.driver_connection)
    try:
        row = raw.execute(f"PRAGMA {statement}").fetchone()
    except sqlite3.Error as error:
        raise of_sqlite(error) or error from error
    return row[0] if row else None
