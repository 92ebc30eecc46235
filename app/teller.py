"""What a task tells while it is done, and the leave that it needs to ask the model."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any, Protocol

from app import tasks
from app.hub import Channel
from app.interviewer import Cancelled
from app.interviewer.errors import QuotaExhausted
from app.storage.database import Database
from app.storage.errors import StorageError
from app.storage.quota import Grant, Wait
from app.tasks import Event, EventType, Task

FLUSH = 0.25  # seconds that an event may be told before it is written down


class Quota(Protocol):
    """How often the model may be asked; `app.storage.quota.Quota` is the one that processes share."""

    def take(self, ticket: str) -> Grant | Wait: ...
    def leave(self, ticket: str) -> None: ...
    def pause(self, seconds: float, *, per_day: bool) -> None: ...


class Teller:
    """The `Call` that an interviewer is handed: leave from the quota, events to whoever follows.

    :param quota: None for an interviewer that asks no model.
    :param stop: set where the task is not to be gone on with.
    :param patience: seconds that a second request of the same task may wait for its turn.
    :param last: number of the task's last event.
    """

    def __init__(
        self,
        database: Database,
        quota: Quota | None,
        task: Task,
        channel: Channel,
        stop: threading.Event,
        *,
        patience: float,
        last: int,
    ) -> None:
        self._database = database
        self._quota = quota
        self._patience = patience
        self._task = task
        self._channel = channel
        self._stop = stop
        self._number = last
        self._unwritten: list[Event] = []
        self._written_at = time.monotonic()
        self._leave = quota is not None  # the one that the task was begun with

    def check(self) -> None:
        """:raises Cancelled: nobody wants it any more."""
        if self._stop.is_set():
            raise Cancelled

    def permit(self) -> None:
        """Wait for leave to ask. :raises QuotaExhausted: it would take too long."""
        self.check()
        quota = self._quota
        if quota is None:
            return
        if self._leave:
            self._leave = False
            return
        ticket = f"{self._task.id}-again"
        deadline = time.monotonic() + self._patience
        while isinstance(answer := quota.take(ticket), Wait):
            if time.monotonic() + answer.seconds > deadline:
                quota.leave(ticket)
                raise QuotaExhausted(answer.seconds, per_day=answer.per_day)
            self._stop.wait(min(1.0, max(0.05, answer.seconds)))
            self.check()

    def delta(self, path: str, text: str) -> None:
        """A piece of the answer, told at once and written down now and then."""
        self.check()
        event = self.made("delta", {"path": path, "text": text})
        self._channel.tell([event])
        self._unwritten.append(event)
        if time.monotonic() - self._written_at >= FLUSH:
            self._flush()

    def pause(self, seconds: float, *, per_day: bool) -> None:
        """The service wants to be left alone for a while."""
        if self._quota is not None:
            with contextlib.suppress(StorageError):  # the others will hear it from the service themselves
                self._quota.pause(seconds, per_day=per_day)

    def made(self, type_: EventType, data: dict[str, Any]) -> Event:
        """The next event."""
        self._number += 1
        return Event(self._number, type_, json.dumps(data, ensure_ascii=False))

    def unwritten(self) -> list[Event]:
        """What was told and not yet written down: to be written by the caller."""
        events, self._unwritten = self._unwritten, []
        return events

    def _flush(self) -> None:
        self._written_at = time.monotonic()
        # That the database is away must not cost the model's work: what is not written is kept for later.
        with contextlib.suppress(StorageError):
            with self._database.writing() as db:
                tasks.append(db, self._task.id, self._unwritten)
            self._unwritten = []
