"""Whose turn it is to change the tables: one process's, while the others wait."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from app.storage.errors import Busy

POLL = 0.1  # seconds


@contextlib.contextmanager
def taken(connection: Connection, file: Path | None, *, wait: float) -> Iterator[None]:
    """Hold the turn; a process that dies gives it up.

    MariaDB's lock belongs to the connection that is handed in: use that one for the work, so that who has
    lost the lock can do nothing any more. SQLite's is a file beside the database.

    :param wait: seconds.
    :raises Busy: others had it for longer.
    """
    with _file_lock(file, wait) if file is not None else _server_lock(connection, wait):
        yield


@contextlib.contextmanager
def _file_lock(file: Path, wait: float) -> Iterator[None]:
    descriptor = os.open(f"{file}.migrating", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:

        def take() -> bool:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _wait(take, wait)
        yield  # the file stays: to remove it would let two in
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _server_lock(connection: Connection, wait: float) -> Iterator[None]:
    # The lock is the whole server's, its name at most 64 characters long.
    database = connection.engine.url.database or ""
    name = "interview-migrates-" + hashlib.sha256(database.encode()).hexdigest()[:32]

    def take() -> bool:
        taken = connection.execute(text("SELECT GET_LOCK(:name, 1)"), {"name": name}).scalar()
        connection.rollback()
        return taken == 1

    _wait(take, wait)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # a connection that is gone took its lock along
            connection.rollback()
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
            connection.rollback()


def _wait(take: Callable[[], bool], wait: float) -> None:
    until = time.monotonic() + wait
    while not take():
        if time.monotonic() > until:
            raise Busy(f"somebody else has been migrating for {wait:g} s: look what it does, then try again")
        time.sleep(POLL)
