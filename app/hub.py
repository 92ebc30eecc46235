"""Who follows which task, and how they hear of its events.

A task that this process works on tells its events itself, at once. Those of other processes are looked up by
one thread for all followers together, so that a thousand who wait cost one question to the database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from app.tasks import Event

log = logging.getLogger(__name__)

Lookup = Callable[[Mapping[str, int]], Mapping[str, "Seen"]]


class Seen:
    """What a lookup found of one task: its new events, and whether it has ended (or is gone)."""

    __slots__ = ("ended", "events")

    def __init__(self, events: Sequence[Event], *, ended: bool) -> None:
        self.events = events
        self.ended = ended


class Channel:
    """The events of one task, to those who follow it in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._note: str | None = None
        self._noted = 0
        self.ended = False
        self.followers = 0
        self.local = False

    @property
    def last(self) -> int:
        """The number of the newest event that is known."""
        return self._events[-1].number if self._events else 0

    def tell(self, events: Sequence[Event], *, ended: bool = False) -> None:
        """Add events that come after those known; `ended`: they are the last."""
        with self._changed:
            last = self.last
            self._events.extend(item for item in events if item.number > last)
            self.ended = self.ended or ended
            self._changed.notify_all()

    def note(self, data: str) -> None:
        """Tell something of the moment only: the place in the queue. It has no number and is not kept."""
        with self._changed:
            if self._note != data:
                self._note = data
                self._noted += 1
                self._changed.notify_all()

    def wait(
        self, after: int, noted: int, timeout: float
    ) -> tuple[list[Event], tuple[int, str | None], bool]:
        """What is new after an event's number and the `noted`-th note; waits for it.

        :param timeout: seconds; nothing new after that.
        :return: events; how many notes there were, and the newest where it is new; whether that is all.
        """
        with self._changed:
            if not self._news(after, noted):
                self._changed.wait(timeout)
            new = [item for item in self._events if item.number > after]
            note = self._note if self._noted > noted else None
            return new, (self._noted, note), self.ended

    def wake(self) -> None:
        """Let those who wait look around."""
        with self._changed:
            self._changed.notify_all()

    def begin_again(self) -> None:
        """It had failed or was parked, and goes on."""
        with self._changed:
            self.ended = False

    def _news(self, after: int, noted: int) -> bool:
        return self.ended or self.last > after or self._noted > noted


class Hub:
    """The channels of a process.

    :param lookup: asks the database for what is new: `{task: last number}` in, `{task: Seen}` out.
    :param interval: seconds between two lookups.
    """

    def __init__(self, lookup: Lookup, interval: float = 0.25) -> None:
        self._lookup = lookup
        self._interval = interval
        self._lock = threading.Lock()
        self._channels: dict[str, Channel] = {}
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self.stopping = False

    def stop(self) -> None:
        """This process ends: who follows what it does not work on had better ask another one."""
        self.stopping = True
        with self._lock:
            channels = list(self._channels.values())
        for channel in channels:
            channel.wake()

    def join(self, task: str) -> Channel:
        """Begin to follow a task; `leave` ends it."""
        with self._lock:
            channel = self._channels.setdefault(task, Channel())
            channel.followers += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="hub", daemon=True)
                self._thread.start()
        self._wake.set()
        return channel

    def leave(self, task: str) -> None:
        """End following."""
        with self._lock:
            channel = self._channels[task]
            channel.followers -= 1
            self._forget(task, channel)

    def open(self, task: str) -> Channel:
        """The channel of a task that this process works on; `close` ends that."""
        with self._lock:
            channel = self._channels.setdefault(task, Channel())
            channel.local = True
            return channel

    def close(self, task: str) -> None:
        """This process works on the task no more."""
        with self._lock:
            channel = self._channels.get(task)
            if channel is not None:
                channel.local = False
                self._forget(task, channel)

    def followers(self, task: str) -> int:
        """How many follow a task here."""
        with self._lock:
            channel = self._channels.get(task)
            return channel.followers if channel else 0

    def following(self) -> int:
        """How many follow any task here."""
        with self._lock:
            return sum(channel.followers for channel in self._channels.values())

    def _forget(self, task: str, channel: Channel) -> None:
        if channel.followers <= 0 and not channel.local:
            self._channels.pop(task, None)

    def _look(self) -> None:
        while True:
            self._wake.wait()
            with self._lock:
                wanted = {
                    task: channel
                    for task, channel in self._channels.items()
                    if channel.followers and not channel.local and not channel.ended
                }
                if not wanted:
                    self._wake.clear()
                    continue
            try:
                found = self._lookup({task: channel.last for task, channel in wanted.items()})
            except Exception:
                # The database is away, or a fault of ours: whoever follows waits, and the log has where.
                log.exception("looking for events")
                found = {}
            for task, seen in found.items():
                if not wanted[task].local:
                    wanted[task].tell(seen.events, ended=seen.ended)
            threading.Event().wait(self._interval)
