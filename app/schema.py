"""The database's tables, as steps that are only ever added to.

Two releases share one file while they are swapped, so a step expands: it adds what the new release needs and
takes nothing away that the old one uses. The old release runs on a newer schema; the new one refuses an
older.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE interview (
            id TEXT PRIMARY KEY,
            token_hash BLOB NOT NULL,
            role TEXT NOT NULL,
            level TEXT NOT NULL,
            language TEXT NOT NULL,
            resume TEXT NOT NULL,
            interviewer TEXT NOT NULL,
            created_at TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE question (
            interview TEXT NOT NULL REFERENCES interview (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            basis TEXT,
            follows INTEGER,
            PRIMARY KEY (interview, number)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE answer (
            interview TEXT NOT NULL,
            question INTEGER NOT NULL,
            text TEXT NOT NULL,
            feedback TEXT NOT NULL,
            created_at TEXT NOT NULL,
            PRIMARY KEY (interview, question),
            FOREIGN KEY (interview, question) REFERENCES question (interview, number) ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE idempotency (
            scope TEXT NOT NULL,
            key_hash BLOB NOT NULL,
            fingerprint BLOB NOT NULL,
            interview TEXT NOT NULL REFERENCES interview (id) ON DELETE CASCADE,
            salt BLOB NOT NULL,
            status INTEGER NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (scope, key_hash)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX idempotency_interview ON idempotency (interview)",
    ),
)
VERSION = len(STEPS)


def version(connection: sqlite3.Connection) -> int:
    """How many steps the file has seen; 0 for an empty one."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def migrate(path: Path, *, wait: float = 30.0) -> tuple[int, int]:
    """Bring the file, which need not exist, to this release's schema; safe with others doing the same.

    :param wait: seconds to wait for somebody else's writing.
    :return: the version before and after. A file from a newer release is left as it is.
    :raises sqlite3.Error: the file cannot be written, is no database, or stayed locked.
    """
    with contextlib.closing(sqlite3.connect(path, timeout=wait, isolation_level=None)) as connection:
        _use_write_ahead_log(connection, wait)
        connection.execute("BEGIN IMMEDIATE")
        try:
            before = version(connection)
            for number, statements in enumerate(STEPS[before:], start=before + 1):
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            after = version(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return before, after


def _use_write_ahead_log(connection: sqlite3.Connection, wait: float) -> None:
    """So that readers and the writer of two containers do not block each other; the file remembers it.

    The change needs the file for itself for a moment, and SQLite does not wait for that by `timeout`.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
