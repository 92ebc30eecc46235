"""The work of a process: tasks wait for leave to ask the model, are done by a pool of threads, and told of.

One thread keeps the queue, the leases, and looks for tasks that lost their process. The work is done outside
of any request, so that it goes on when a client goes away.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from app import tasks
from app.hub import Channel, Hub, Seen
from app.interviewer import Cancelled, Interviewer
from app.interviewer.errors import ModelError, ModelUnavailable, QuotaExhausted
from app.storage.database import Database
from app.storage.errors import StorageError
from app.storage.quota import Grant, Wait
from app.tasks import Event, Task
from app.teller import Quota, Teller
from app.work import Job, Result

log = logging.getLogger(__name__)

TICK = 0.25  # seconds between two looks at the queue
RENEWAL = 5.0  # seconds between two renewals of our leases
SEARCH = 5.0  # seconds between two searches for tasks without a process
LONGEST = 5.0  # seconds between two questions for a turn; a ticket not asked for is dropped after 15
CHORE = 60.0  # seconds between two looks at what is to be cleared away
ABANDONED = 60.0  # seconds after which a task that nobody follows leaves the queue


class _Waiting:
    """A task in the queue of this process."""

    def __init__(self, task: Task, channel: Channel, *, granted: bool) -> None:
        self.task = task
        self.channel = channel
        self.granted = granted
        self.next = 0.0
        self.alone_since: float | None = None


class Runner:
    """Does the tasks of one process.

    :param quota: None for an interviewer that asks no model.
    :param patience: seconds that a repair's second request may wait for its turn.
    :param width: how many tasks are worked on at once.
    :param chore: done every minute, beside all else.
    """

    def __init__(
        self,
        database: Database,
        interviewer: Interviewer,
        quota: Quota | None,
        *,
        patience: float = 60.0,
        width: int = 16,
        abandoned: float = ABANDONED,
        chore: Callable[[], object] = lambda: None,
    ) -> None:
        self.database = database
        self.interviewer = interviewer
        self.quota = quota
        self.patience = patience
        self.abandoned = abandoned
        self._chore = chore
        self._owner = (0, "")
        self.hub = Hub(self._lookup)
        self.stopping = threading.Event()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._running: dict[str, threading.Event] = {}
        self._pool = ThreadPoolExecutor(width, thread_name_prefix="task")
        self._width = width
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._renewed = self._searched = self._tidied = 0.0
        self._tidying: threading.Thread | None = None

    @property
    def owner(self) -> str:
        """This process, as tasks name it: one that was forked from another is another one."""
        if self._owner[0] != os.getpid():
            self._owner = (os.getpid(), f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}")
        return self._owner[1]

    def start(self) -> None:
        """Begin to work; in the process that serves, not in the one that it was forked from."""
        with self._lock:
            if self._thread is None:
                log.debug("%s begins", self.owner)
                self._thread = threading.Thread(target=self._keep, name="runner", daemon=True)
                self._thread.start()

    def admit(self, ticket: str, longest: float) -> bool:
        """Ask for leave on behalf of a task that does not exist yet.

        :param longest: seconds that its client is ready to wait.
        :return: whether it has leave already.
        :raises QuotaExhausted: it would take longer.
        """
        if self.quota is None:
            return True
        match self.quota.take(ticket):
            case Grant():
                return True
            case Wait(seconds=seconds, per_day=per_day) if seconds > longest:
                self.quota.leave(ticket)
                raise QuotaExhausted(seconds, per_day=per_day)
            case _:
                return False

    def submit(self, task: Task, *, granted: bool = False) -> None:
        """Take up a task that is ours."""
        channel = self.hub.open(task.id)
        channel.begin_again()
        with self._lock:
            self._waiting[task.id] = _Waiting(task, channel, granted=granted)
        self.start()
        self._wake.set()

    def resume(self, task: Task) -> None:
        """Go on with a task that was parked, has failed, or whose process is gone; harmless for any other."""
        if task.state == "done" or self.knows(task):
            return
        with self.database.writing() as db:
            taken = tasks.take(db, task.id, self.owner)
        if taken:
            self.submit(task)

    def knows(self, task: Task) -> bool:
        """Whether this process is at it."""
        with self._lock:
            return task.id in self._waiting or _key(task) in self._running

    def cancel(self, interview: str) -> None:
        """Stop what is done for an interview that was deleted."""
        with self._lock:
            gone = [item for item in self._waiting.values() if item.task.interview == interview]
            for item in gone:
                del self._waiting[item.task.id]
            for key, stop in self._running.items():
                if key.partition("/")[0] == interview:
                    stop.set()
        for item in gone:
            self._give_up_place(item)

    def stop(self) -> None:
        """Look for no more work, and leave what waits for a turn to others; all else is finished."""
        self.stopping.set()
        self._wake.set()

    def close(self) -> None:
        """Stop, and wait for nothing: for an application that is made in a test."""
        self.stop()
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def in_hand(self) -> tuple[int, int]:
        """How many tasks wait and run here."""
        with self._lock:
            return len(self._waiting), len(self._running)

    # -- the thread that keeps everything going --------------------------------

    def _keep(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(TICK)
            self._wake.clear()
            for step in (self._hand_over, self._renew, self._search, self._advance, self._tidy):
                try:
                    step()
                except StorageError as error:  # the next round tries again
                    log.warning("%s: %s", step.__name__.strip("_"), error)
                    time.sleep(TICK)
                except Exception:
                    # A fault of ours; the other steps, and everybody's leases, must not die of it.
                    log.exception("%s", step.__name__.strip("_"))
                    time.sleep(TICK)

    def _hand_over(self) -> None:
        if not self.stopping.is_set():
            return
        with self._lock:
            given = [item for item in self._waiting.values() if not self._may_begin(item)]
        self._release(given, "waiting")
        self.hub.stop()

    def _renew(self) -> None:
        if time.monotonic() - self._renewed < RENEWAL:
            return
        with self._lock:
            ours = [*self._waiting, *(key.partition("/")[2] for key in self._running)]
        if ours:
            with self.database.writing() as db:
                tasks.renew(db, ours, self.owner)
        self._renewed = time.monotonic()

    def _search(self) -> None:
        if self.stopping.is_set() or time.monotonic() - self._searched < SEARCH:
            return
        self._searched = time.monotonic()
        with self.database.reading() as db:
            found = tasks.free(db, self._width)
        for task in found:
            if task.attempts >= tasks.ATTEMPTS:
                self._bury(task)
            else:
                self.resume(task)

    def _tidy(self) -> None:
        """On a thread of its own: it may wait for files that others write, and leases must not run out."""
        if time.monotonic() - self._tidied < CHORE or (self._tidying and self._tidying.is_alive()):
            return
        self._tidied = time.monotonic()
        self._tidying = threading.Thread(target=self._clear_away, name="chore", daemon=True)
        self._tidying.start()

    def _clear_away(self) -> None:
        try:
            self._chore()
        except StorageError as error:  # the next time tries again
            log.warning("clearing away: %s", error)
        except Exception:
            log.exception("clearing away")

    def _bury(self, task: Task) -> None:
        """It has killed its process too often."""
        with self.database.writing() as db:
            if tasks.take(db, task.id, self.owner):
                tasks.fail(db, task.id, self.owner, ModelUnavailable())

    def _advance(self) -> None:
        with self._lock:
            waiting = list(self._waiting.values())
            room = self._width - len(self._running)
        abandoned = [item for item in waiting if self._is_abandoned(item)]
        self._release(abandoned, "parked")
        for item in waiting:
            if room <= 0:
                return
            if item in abandoned:
                continue
            if not self._may_begin(item) and self.quota is not None:
                if self.stopping.is_set():
                    continue
                if time.monotonic() < item.next:
                    continue
                answer = self.quota.take(item.task.id)
                if isinstance(answer, Wait):
                    # Halfway to when it should be: turns come sooner when others go away.
                    item.next = time.monotonic() + min(LONGEST, answer.seconds / 2)
                    item.channel.note(
                        json.dumps(
                            {"task": item.task.id, "place": answer.place, "seconds": round(answer.seconds)}
                        )
                    )
                    continue
            self._begin(item)
            room -= 1

    def _may_begin(self, item: _Waiting) -> bool:
        return item.granted or self.quota is None

    def _is_abandoned(self, item: _Waiting) -> bool:
        if self._may_begin(item) or self.hub.followers(item.task.id):
            item.alone_since = None
            return False
        if item.alone_since is None:
            item.alone_since = time.monotonic()
        return time.monotonic() - item.alone_since >= self.abandoned

    def _release(self, items: list[_Waiting], state: tasks.State) -> None:
        if not items:
            return
        with self.database.writing() as db:
            tasks.hand_over(db, [item.task.id for item in items], self.owner, state)
        with self._lock:
            for item in items:
                self._waiting.pop(item.task.id, None)
        for item in items:
            self._give_up_place(item)

    def _give_up_place(self, item: _Waiting) -> None:
        self.hub.close(item.task.id)
        if self.quota is not None and not item.granted:
            with contextlib.suppress(StorageError):  # who is not seen any more loses the place
                self.quota.leave(item.task.id)

    def _begin(self, item: _Waiting) -> None:
        stop = threading.Event()
        with self._lock:
            if self._waiting.pop(item.task.id, None) is None:
                return
            self._running[_key(item.task)] = stop
        self._pool.submit(self._work, item.task, item.channel, stop)

    # -- one task ----------------------------------------------------------------

    def _work(self, task: Task, channel: Channel, stop: threading.Event) -> None:
        try:
            self._do(task, channel, stop)
        except (Cancelled, LookupError):
            pass  # its interview was deleted
        except Exception:
            # Its lease runs out, and it is begun anew: here or wherever the database can be reached.
            log.exception("task %s", task.id)
        finally:
            with self._lock:
                if self._running.get(_key(task)) is stop:
                    del self._running[_key(task)]
                # Put back into the queue, it may have been begun again by now.
                ours = task.id in self._waiting or _key(task) in self._running
            if not ours:
                self.hub.close(task.id)
            self._wake.set()

    def _do(self, task: Task, channel: Channel, stop: threading.Event) -> None:
        with self.database.writing() as db:
            attempt = tasks.begin(db, task.id, self.owner)
            if attempt is None:
                return
            last = tasks.last_numbers(db, [task.id]).get(task.id, 0)
            teller = Teller(
                self.database,
                self.quota,
                task,
                channel,
                stop,
                patience=self.patience,
                last=last + (tasks.GAP if last else 0),
            )
            started = teller.made("started", {"task": task.id, "attempt": attempt})
            tasks.append(db, task.id, [started])
            job = Job(db, task)
        channel.tell([started])
        try:
            result = job.do(self.interviewer, teller)
        except QuotaExhausted as error:
            if error.per_day or error.retry_after > self.patience or not self._wait_again(task):
                self._fail(task, channel, teller, error)
            return
        except ModelError as error:
            self._fail(task, channel, teller, error)
            return
        teller.check()
        self._keep_result(task, channel, teller, job, result)

    def _keep_result(self, task: Task, channel: Channel, teller: Teller, job: Job, result: Result) -> None:
        """Write the result down. The model is not asked twice because the database is away."""
        told = teller.unwritten()
        rest: list[Event] = []

        def keep(db: Connection) -> bool:
            nonlocal rest
            if tasks.finish(db, task.id, self.owner):
                rest = [*told, teller.made("result", job.keep(db, result))]
                tasks.append(db, task.id, rest)
                return True
            # Else an earlier try, whose COMMIT we did not hear of, was done; or it is ours no more.
            return bool(rest) and tasks.is_ours(db, task.id, self.owner)

        if self._insist(task, keep):
            channel.tell(rest, ended=True)

    def _insist(self, task: Task, work: Callable[[Connection], bool]) -> bool:
        """Write something down, however long the database is away."""
        while True:
            try:
                with self.database.writing() as db:
                    return work(db)
            except StorageError as error:
                log.warning("task %s: what came of it waits for the database: %s", task.id, error)
                if self._stopped.wait(1.0):
                    raise

    def _wait_again(self, task: Task) -> bool:
        with self.database.writing() as db:
            waits = tasks.wait_again(db, task.id, self.owner)
        if waits:
            with self._lock:
                self._running.pop(_key(task), None)
            self.submit(task)
        return waits

    def _fail(self, task: Task, channel: Channel, teller: Teller, error: ModelError) -> None:
        log.warning("task %s: %s", task.id, error.code)
        told = teller.made(
            "error", {"code": error.code, "values": error.values, "retryable": error.retryable}
        )
        rest = [*teller.unwritten(), told]

        def keep(db: Connection) -> bool:
            if not tasks.fail(db, task.id, self.owner, error):
                return False  # ours no more; or it was kept, and whoever follows finds it in the database
            tasks.append(db, task.id, rest)
            return True

        if self._insist(task, keep):
            channel.tell(rest, ended=True)

    def _lookup(self, wanted: Mapping[str, int]) -> dict[str, Seen]:
        found = {}
        with self.database.reading() as db:
            states, newest = tasks.states(db, list(wanted)), tasks.last_numbers(db, list(wanted))
            for identifier, last in wanted.items():
                # States first: an end that is seen has its events in what is read after it.
                ended = states.get(identifier) in (None, "done", "failed")
                new = tasks.events(db, identifier, last) if newest.get(identifier, 0) > last else []
                if new or ended:
                    found[identifier] = Seen(new, ended=ended)
        return found


def _key(task: Task) -> str:
    return f"{task.interview}/{task.id}"
