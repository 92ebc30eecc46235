"""Tells one end, in a thread of its own: whoever emits never waits, and never hears of it.

The way there has no locks: a signal may interrupt the emitting thread anywhere. The thread is a daemon: a
process that ends, or is killed, is not held up by it, and at worst a message is lost.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from msgspec import Struct

from deployer import interrupts
from deployer.errors import DeployerError, NotDelivered
from deployer.events import CommandFailed, CommandFinished, Event, Lost
from deployer.sinks.end import End, Happening, Sending
from deployer.sinks.wanted import bare

ROOM = 1000
"""Events that wait for an end; more are counted and forgotten."""
BATCH = 100
ATTEMPTS = 5
FIRST_PAUSE = 0.5
"""Seconds before the second attempt; each further pause is twice as long."""
LAST_WORDS = (CommandFinished, CommandFailed)
"""These find room in any case: there is one of them."""


class Pace(Struct, frozen=True):
    """How long things may take, in seconds.

    :param gather: that more events are awaited, to be told at once.
    :param first_pause: before the second attempt.
    """

    gather: float = 0.5
    first_pause: float = FIRST_PAUSE
    attempts: int = ATTEMPTS


class Courier:
    """Carries events to an end.

    :param wants: which events it is told; others do not count as lost.
    :param make: makes the end, in the courier's thread: its secrets may have to be asked for.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        wants: Callable[[Event], bool],
        make: Callable[[], End],
        pace: Pace | None = None,
        room: int = ROOM,
    ) -> None:
        self.name = name
        self.kind = kind
        self._make = make
        self._pace = pace or Pace()
        self._room = room
        self._queue: SimpleQueue[Happening | None] = SimpleQueue()
        self._closing = threading.Event()
        self._done = threading.Event()
        self._deadline = 0.0
        self._lost = 0
        self._overflowed = 0
        self._in_hand = 0
        self._wanted = wants
        self._reason = ""
        self._over = False
        self._closed_ways: dict[str, str] = {}
        try:
            threading.Thread(target=self._work, name=f"notify-{name}", daemon=True).start()
        except RuntimeError:  # a host at its limits still has to be deployed to
            self._reason = "there are no more threads to be had"
            self._done.set()

    # -- for the thread that emits ------------------------------------------------

    def put(self, happening: Happening) -> None:
        """Take an event along; returns at once."""
        if self._queue.qsize() >= self._room and not isinstance(bare(happening.event), LAST_WORDS):
            if self._wants(happening):
                self._overflowed += 1
                self._reason = self._reason or f"more than {self._room} events waited for it"
            return
        self._queue.put(happening)

    def hurry(self, deadline: float) -> None:
        """No more events come, and the time after which nobody waits is known (monotonic)."""
        self._deadline = deadline
        self._closing.set()
        self._queue.put(None)

    def wait(self) -> None:
        """Until all is told, or the deadline is over."""
        # Not `join`: Python 3.11 takes a thread for ended when a signal interrupts that.
        interrupts.wait(self._done, self._deadline - time.monotonic())

    def lost(self) -> Lost | None:
        """What was not told by now, if anything."""
        waiting = 0
        while True:  # the thread may be taking from it at the same time
            try:
                happening = self._queue.get_nowait()
            except Empty:
                break
            waiting += happening is not None and self._wants(happening)
        events = self._lost + self._overflowed + self._in_hand + waiting
        if not events:
            return None
        return Lost(self.name, self.kind, events, self._reason or "it has not answered yet")

    def _wants(self, happening: Happening) -> bool:
        return self._wanted(happening.event)

    # -- the courier's own thread ---------------------------------------------------

    def _work(self) -> None:
        try:
            end = self._make()
            while batch := self._take():
                self._tell(end, batch)
                self._in_hand = 0
        except DeployerError as error:
            self._reason = error.message
        except Exception as error:  # noqa: BLE001  (a fault of ours must not be taken for success, nor stop a deploy)
            # Its text might repeat an address.
            self._reason = f"unexpected {type(error).__name__}"
        self._forget()
        self._done.set()

    def _forget(self) -> None:
        """The end cannot be told anything: whatever comes is lost."""
        while True:
            self._lost += self._in_hand
            self._in_hand = 0
            if not self._take():
                return

    def _take(self) -> list[Happening]:
        """The next events; none once there will be no more."""
        batch: list[Happening] = []
        try:
            while not self._over and len(batch) < BATCH:
                if len(batch) == 1:
                    self._closing.wait(self._pace.gather)
                happening = self._queue.get(block=not batch)
                if happening is None:
                    self._over = True
                else:
                    batch.append(happening)
                    self._in_hand += self._wants(happening)
        except Empty:
            pass
        return batch

    def _tell(self, end: End, batch: Sequence[Happening]) -> None:
        sendings = end.prepare(batch)
        self._in_hand = sum(sending.events for sending in sendings)
        for sending in sendings:
            reason = self._send(sending)
            self._in_hand -= sending.events
            if reason:
                self._lost += sending.events
                self._reason = reason
            elif sending.whole:
                self._lost = 0

    def _send(self, sending: Sending) -> str:
        """Try until it is taken; why it was not, or nothing."""
        if sending.way in self._closed_ways:
            return self._closed_ways[sending.way]
        for attempt in range(1, self._pace.attempts + 1):
            try:
                sending.send()
                return ""
            except NotDelivered as error:
                self._reason = error.message
                if not error.again:
                    self._closed_ways[sending.way] = error.message
                    return error.message
                pause = self._pace.first_pause * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret
                if attempt == self._pace.attempts or not self._pause(max(pause, error.after)):
                    return error.message
        return self._reason

    def _pause(self, seconds: float) -> bool:
        """Wait; False where nobody would be there any more to hear how it went on."""
        ends = time.monotonic() + seconds
        if self._closing.wait(seconds):
            left = ends - time.monotonic()
            if ends >= self._deadline:
                return False
            time.sleep(max(0.0, left))
        return True
