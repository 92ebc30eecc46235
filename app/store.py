"""The SQLite file that two releases share: connections, transactions, and whether it is usable."""

from __future__ import annotations

import contextlib
import queue
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from app import schema

BUSY_TIMEOUT = 5.0  # seconds that a writer waits for another one
READY_TIMEOUT = 0.5  # likewise a readiness check, which must answer within the edge's own patience
FREE_SPACE = 1024 * 1024  # bytes below which an answer may not fit any more


class Unusable(Exception):
    """The database cannot serve: the message says why and what to do. It holds no data."""


class Store:
    """One SQLite file; used by many threads, each borrowing a connection of its own.

    :param path: the file; it must have been made by `schema.migrate`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one or more SELECTs, seen as of one moment.

        :raises sqlite3.Error: as SQLite finds it.
        """
        with self._borrowed() as connection, _transaction(connection, "BEGIN"):
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection that has the write lock from the start, so that what it reads stays true.

        Commits on leaving, rolls back on any exception. Never ask an interviewer inside of it.

        :raises sqlite3.OperationalError: another writer kept the lock for `BUSY_TIMEOUT`.
        """
        with self._borrowed() as connection, _transaction(connection, "BEGIN IMMEDIATE"):
            yield connection

    def check(self) -> None:
        """Find out whether requests can be served, with a fresh connection so that the file itself is tried.

        Nothing is written for good: this is asked several times a second. A lock that somebody else holds
        shows that writing works; failing on it would take a release out of service during a migration.

        :raises Unusable: no file, an older schema, not writable, or the disk is full.
        """
        try:
            # Waits a little: opening and closing a file that others open and close locks it for a moment.
            with contextlib.closing(self._connect(READY_TIMEOUT)) as connection:
                found = schema.version(connection)
                if found < schema.VERSION:
                    raise Unusable(
                        f"the schema is at {found}, {schema.VERSION} is needed: run `python -m app migrate`"
                    )
                connection.execute("SELECT 1 FROM interview LIMIT 1").fetchone()
                connection.execute("PRAGMA busy_timeout = 0")
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute(f"PRAGMA user_version = {found}")
                    connection.execute("ROLLBACK")
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                        raise
            if shutil.disk_usage(self.path.parent).free < FREE_SPACE:
                raise Unusable("the disk of the database is full: free some space")
        except (sqlite3.Error, OSError) as error:
            raise Unusable(
                f"the database does not work ({error}): check INTERVIEW_DATABASE and its volume"
            ) from error

    def close(self) -> None:
        """Close the idle connections."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect(BUSY_TIMEOUT)
        try:
            yield connection
        except sqlite3.Error:
            connection.close()  # whatever is wrong with it, the next borrower starts afresh
            raise
        except BaseException:
            self._idle.put(connection)
            raise
        self._idle.put(connection)

    def _connect(self, busy_timeout: float) -> sqlite3.Connection:
        """Open the file that must exist: a missing volume must not look like an empty database."""
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=rw",
            uri=True,
            timeout=busy_timeout,
            isolation_level=None,
            check_same_thread=False,  # a connection moves between threads, but is never used by two at once
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # an answer that was accepted survives a power cut
        connection.execute("PRAGMA secure_delete = ON")  # a deleted resume does not linger in free pages
        return connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
