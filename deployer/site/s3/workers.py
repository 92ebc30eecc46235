"""Doing the same with many things, several at a time.

Not concurrent.futures: it would queue an entry for each of ten thousand files before the first is sent, and
its import alone is a tenth of what a deploy in which nothing changed may take.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from deployer import interrupts
from deployer.errors import DeployerError

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


def each(work: Callable[[T], None], items: Iterable[T], *, at_once: int, hang_up: Callable[[], None]) -> None:
    """Do the work with each of the items, which are taken as they are needed, in their order.

    On the first error no further item is begun; it is raised when those that were begun have ended.

    :param hang_up: ends what is under way, when this thread is interrupted while it waits.
    :raises DeployerError: the system lets no thread be started, not even one.
    """
    crew = _Crew(work, iter(items), at_once)
    try:
        crew.run()
    except BaseException:
        crew.stop()
        hang_up()
        crew.wait()
        raise
    if crew.error is not None:
        raise crew.error


class _Crew:
    """A worker that finds something to do calls the next one, so that no more are there than are of use."""

    def __init__(self, work: Callable[[T], None], items: Iterator[T], at_once: int) -> None:
        self.error: BaseException | None = None
        self._work: Callable[[T], None] = work
        self._items = items
        self._at_once = at_once
        self._hired = 0
        self._gone = 0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self) -> None:
        # A signal's exception in the midst of this would leave nobody to know whether there is a worker.
        # Workers inherit the mask, which is as well: signals are for the main thread.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            with self._lock:
                self._hire()
                if not self._hired:
                    self._ended.set()  # nobody else will
                    raise DeployerError(
                        "the system lets no more threads be started",
                        remedy="see `ulimit -u`, and TasksMax or pids.max of the service that this runs in",
                    )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.wait()

    def wait(self) -> None:
        # Not Thread.join: interrupted by a signal's exception, it takes the thread for ended from then on.
        interrupts.wait(self._ended)

    def stop(self) -> None:
        self._stopped = True

    def _hire(self) -> None:
        if self._hired >= self._at_once:
            return
        worker = threading.Thread(target=self._labour, name=f"site-{self._hired + 1}", daemon=True)
        try:
            worker.start()
        except RuntimeError:
            self._at_once = self._hired  # the system has no room for more, and those who are there can do it
            return
        # One that never ran must not be waited for. The lock is held: whoever runs has not ended before this.
        self._hired += 1

    def _labour(self) -> None:
        try:
            self._work_off()
        finally:
            with self._lock:
                self._gone += 1
                if self._gone == self._hired:
                    self._ended.set()

    def _work_off(self) -> None:
        hired = False
        while True:
            with self._lock:
                try:
                    if self._stopped:
                        return
                    item = next(self._items)
                    if not hired:
                        hired = True
                        self._hire()
                except StopIteration:
                    return
                except BaseException as error:  # noqa: BLE001  (the items' own, raised to who waits)
                    self._fail(error)
                    return
            try:
                self._work(item)
            except BaseException as error:  # noqa: BLE001  (raised to who waits)
                self._fail(error)
                return

    def _fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self._stopped = True
