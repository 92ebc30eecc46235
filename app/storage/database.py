"""The database of one process: connections, transactions, and whether it is usable."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import Pool

from app.storage import address, compatibility
from app.storage.engines import PROBING, SERVING, WRITES, make_engine, pragma
from app.storage.errors import Busy, Lost, StorageError, Unusable, mapped

T = TypeVar("T")

READY_WITHIN = 0.45  # seconds; the edge's own patience with a readiness check is 0.5
KEEP_TRYING = 8.0  # seconds after which `read` and `retrying` begin no other attempt
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between attempts; the last one again and again
FREE_SPACE = 1024 * 1024  # bytes below which an answer may not fit any more


class Database:
    """One SQLite file, or one database of a MariaDB server, for all threads of a process and its forks.

    Nothing is connected before the first use. Which of the four ways in:

    - `read(work)`: SELECTs; done again where the connection was lost.
    - `retrying(work)`: writing that may be done twice with the effect of once.
    - `writing()`: everything else. It never repeats anything. Where it raises `Lost` with `uncertain`, its
      COMMIT may have been done: the caller reads again by a unique key of what it wrote (an id that it made
      itself, the idempotency key), and only repeats what is not there.
    - `reading()`: like `read`, as a `with`, and done once.

    No transaction is held while a model is asked or a stream is open.

    :param url: see `app.storage.address`.
    :param threads: how many threads will use it at once.
    :raises BadAddress: the url is not one of those forms.
    """

    def __init__(self, url: str, *, threads: int = 16) -> None:
        self.url = address.parse(url)
        self.name = address.mask(url)
        self.file = address.file_of(self.url)
        self._threads = threads
        self.engine: Engine = make_engine(self.url, SERVING, threads=threads)
        self._prober = make_engine(self.url, PROBING)
        self._probes = Probes(self._probe)
        _living.add(self)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for one or more SELECTs, seen as of one moment; it cannot write.

        :raises StorageError: as `app.storage.errors` draws it.
        """
        with self._transaction(writes=False) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that commits on leaving, and rolls back on any exception. Never repeated.

        SQLite has the write lock from the start, so that what is read stays true. MariaDB locks row by row:
        read `with_for_update()` what the writing depends on.

        :raises Busy: another writer was in the way for too long, or first; nothing was applied.
        :raises Lost: nothing was applied, unless `uncertain`.
        """
        with self._transaction(writes=True) as connection:
            yield connection

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads, again where the database was lost or busy; for some seconds."""
        return self._again(work, writes=False)

    def retrying(self, work: Callable[[Connection], T]) -> T:
        """Do work that may be applied twice without harm, again where the database was lost or busy."""
        return self._again(work, writes=True)

    def check(self) -> None:
        """Find out whether requests can be served, within half a second whatever the database does.

        Nothing is written for good: this is asked several times a second. A lock that somebody else holds
        shows that writing works; failing on it would take a release out of service during a migration.

        :raises Unusable: not there, not answering, a schema that this release cannot use, not writable, or
            full.
        """
        self._probes.ask(READY_WITHIN)

    def forget(self) -> None:
        """Remove what was deleted from SQLite's write-ahead log too, unless readers are in the way."""
        if self.file is not None:
            with self._mapping(), self.engine.connect() as connection:
                pragma(connection, "wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the idle connections; the next use opens new ones."""
        self.engine.dispose()

    def after_fork(self) -> list[Pool]:
        """In the child: leave the parent's connections alone. Gives what must not be collected."""
        inherited = [self.engine.pool, self._prober.pool]
        self.engine.dispose(close=False)
        self._prober.dispose(close=False)
        self._probes = Probes(self._probe)
        return inherited

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        with self._mapping():
            connection = self._begun(writes=writes)
            try:
                yield connection
            except BaseException:
                self._roll_back(connection)
                raise
            with connection, self._mapping(committing=writes):
                connection.commit()

    def _begun(self, *, writes: bool) -> Connection:
        """A connection in a transaction: tried twice, since nothing has been done with it yet."""
        for last in (False, True):
            connection = None
            try:
                connection = self.engine.connect().execution_options(**{WRITES: writes})
                connection.begin()
            except SQLAlchemyError as error:
                if connection is not None:
                    connection.close()
                if last or not isinstance(mapped(error), Lost):
                    raise
            else:
                return connection
        raise AssertionError("not reached")

    @staticmethod
    def _roll_back(connection: Connection) -> None:
        with contextlib.suppress(SQLAlchemyError):  # a lost connection's transaction is gone anyhow
            connection.rollback()
        with contextlib.suppress(SQLAlchemyError):
            connection.close()

    @staticmethod
    @contextlib.contextmanager
    def _mapping(*, committing: bool = False) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            if ours := mapped(error, committing=committing):
                raise ours from error
            raise

    def _again(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        until = time.monotonic() + KEEP_TRYING
        pauses = iter(PAUSES)
        while True:
            try:
                with self._transaction(writes=writes) as connection:
                    return work(connection)
            except (Busy, Lost):
                pause = next(pauses, PAUSES[-1])
                if time.monotonic() + pause > until:
                    raise
                time.sleep(pause)

    def _probe(self) -> None:
        """With a fresh connection, so that the file or the server itself is tried."""
        try:
            with self._mapping(), self._prober.connect() as connection:
                compatibility.require(connection)
                connection.rollback()
                if self.file is not None:
                    self._probe_file(connection, self.file.parent)
                elif connection.execute(text("SELECT @@global.read_only")).scalar():
                    raise Unusable("the database server is read-only: it is a replica, or being repaired")
        except OSError as error:
            raise Unusable(f"the database does not work ({error}): check its volume") from error
        finally:
            self._prober.dispose()

    def _probe_file(self, connection: Connection, folder: Path) -> None:
        pragma(connection, "busy_timeout = 0")
        with contextlib.suppress(Busy), self._mapping():
            writer = connection.execution_options(**{WRITES: True})
            writer.exec_driver_sql("PRAGMA user_version = 0")  # writes a page; undone
            writer.rollback()
        if shutil.disk_usage(folder).free < FREE_SPACE:
            raise Unusable("the disk of the database is full: free some space")


class Probes:
    """Runs a check beside the threads that ask, so that they hear in time; one check at once.

    :param probe: raises what is wrong.
    """

    def __init__(self, probe: Callable[[], None]) -> None:
        self._probe = probe
        self._lock = threading.Lock()
        self._running: Future[None] | None = None

    def ask(self, within: float) -> None:
        """Raise what the probe raises, as `Unusable`; or that it took longer than so many seconds."""
        with self._lock:
            running = self._running
            if running is None or running.done():
                running = self._running = Future()
                threading.Thread(target=self._run, args=(running,), name="probe", daemon=True).start()
        try:
            running.result(within)
        except Late:
            raise Unusable(f"the database does not answer within {within:g} s") from None
        except Unusable:
            raise
        except StorageError as error:
            raise Unusable(str(error)) from error

    def _run(self, answer: Future[None]) -> None:
        try:
            self._probe()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the one who asks gets it
            answer.set_exception(error)
        else:
            answer.set_result(None)


def now_us(connection: Connection) -> int:
    """Microseconds since the epoch by the database's clock: one clock for all processes.

    All processes of a SQLite file are on one machine, so that the machine's clock is the database's.
    """
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1000
    return int(
        connection.execute(text("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)")).scalar_one()
    )


_living: weakref.WeakSet[Database] = weakref.WeakSet()
_inherited: list[Pool] = []  # in a child: never closed, since they are the parent's


def _before_fork() -> None:
    for database in list(_living):
        database.close()


def _after_fork() -> None:
    for database in list(_living):
        _inherited.extend(database.after_fork())


os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
