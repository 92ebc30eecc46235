"""What can be wrong with the database: one class for each thing that a caller can do about it.

    StorageError
    ├── Unusable   nothing helps but somebody's doing: no file, wrong password, old schema, full disk
    ├── Busy       a lock, or a connection, was not to be had in time: nothing was applied, try again
    └── Lost       the connection broke, or none could be made; `uncertain` where a COMMIT was under way

What is about a caller's own rows or SQL is not about the database and stays SQLAlchemy's: `IntegrityError`
for a key that is there already, `ProgrammingError` for a mistake of ours.
"""

from __future__ import annotations

import re
import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class StorageError(Exception):
    """The root. The message says what to do; it holds no data and no password."""


class Unusable(StorageError):
    """The database cannot serve until somebody does what the message says."""


class Busy(StorageError):
    """Others held a lock, or all connections, for too long. What was begun is rolled back."""


class Lost(StorageError):
    """The database went away, or could not be reached.

    :ivar uncertain: it went during a COMMIT, which may have been done or not: read again before repeating.
    """

    def __init__(self, message: str, *, uncertain: bool = False) -> None:
        super().__init__(message)
        self.uncertain = uncertain


# MariaDB's numbers, from its error reference; 2xxx are the client's.
_BUSY = frozenset({1020, 1040, 1203, 1205, 1213, 1226})
_LOST = frozenset({0, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2006, 2013, 2055, 4031})
_REFUSED = frozenset({1044, 1045, 1049, 1130, 1142, 1227, 1698, 2026, 2054, 2061})
_OLD = frozenset({1054, 1146})
_FULL = frozenset({3, 1021, 1030, 1114, 1290, 1836})
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_OLD = re.compile(r"no such (table|column)|has no column named")
_SQLITE_BROKEN = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)

MIGRATE = "run `python -m app migrate`"
CHECK = "check INTERVIEW_DATABASE"


def mapped(error: SQLAlchemyError, *, committing: bool = False) -> StorageError | None:
    """The error as one of ours; None where it is not about the database.

    :param committing: it came out of a COMMIT.
    """
    if isinstance(error, PoolTimeout):
        return Busy("all connections to the database are in use")
    if not isinstance(error, DBAPIError) or isinstance(error, IntegrityError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return of_sqlite(error.orig)
    return _of_mariadb(error, committing=committing)


def of_sqlite(error: sqlite3.Error) -> StorageError | None:
    """The module's own error as one of ours, likewise."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None  # the module's own complaint, about how it is used
    if code & 0xFF in _SQLITE_BUSY:
        return Busy(f"others keep the database locked ({error})")
    if code & 0xFF in _SQLITE_BROKEN:
        return Unusable(f"the database does not work ({error}): {CHECK} and its volume")
    if _SQLITE_OLD.search(str(error)):
        return Unusable(f"the schema is too old ({error}): {MIGRATE}")
    return None


def _of_mariadb(error: DBAPIError, *, committing: bool) -> StorageError | None:
    arguments = error.orig.args if error.orig else ()
    code = arguments[0] if arguments and isinstance(arguments[0], int) else None
    said = str(arguments[1]) if len(arguments) > 1 else str(error.orig)
    if code in _BUSY:
        return Busy(f"the database is busy ({code}: {said})")
    if error.connection_invalidated or code in _LOST:
        return Lost(f"the database cannot be reached ({code}: {said})", uncertain=committing)
    if code in _REFUSED:
        return Unusable(f"the database refuses us ({code}: {said}): {CHECK}, its user and their rights")
    if code in _OLD:
        return Unusable(f"the schema is too old ({code}: {said}): {MIGRATE}")
    if code in _FULL:
        return Unusable(f"the database cannot be written ({code}: {said}): free some space on its disk")
    return None
