"""Following what CloudFormation does to a stack until it ends: each event once, in order, as one of ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from deployer.errors import CloudUnreachable, Interrupted, Locked
from deployer.events import Emit, Note, Warned
from deployer.stack import progress, waiting
from deployer.stack.formation import Document, Formation
from deployer.stack.standing import Condition, Standing

_PAUSE = 3.0
_LAST_LOOKS = 5
"""Looks for the last event, which may come after the status that it tells."""
_MOST_FAILURES = 20
"""Looks in a row that may fail, each after the SDK's own retries: a network that is away for some minutes."""


class Following(Struct):
    """What was seen of an operation.

    :ivar stack: the id of the stack: a deleted one is no longer found by its name.
    :ivar before: the newest event before the operation; None where there was none.
    :ivar events: those of the operation, the oldest first.
    """

    formation: Formation
    stack: str
    emit: Emit
    template: Document = field(default_factory=dict)
    before: str | None = None
    events: list[Mapping[str, Any]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _told: dict[str, str] = field(default_factory=dict)
    _remind: float = 0.0

    def end(self, seconds: float | None = None) -> Standing | None:
        """Follow until nothing is at work on the stack; as it stands then, None where it is gone.

        :param seconds: how long at most; None: as long as it takes.
        :raises Locked: it takes longer.
        :raises CloudUnreachable: nothing answers for minutes.
        :raises Interrupted: and CloudFormation goes on by itself.
        """
        began = self.formation.pace.now()
        self._remind = began + waiting.REMIND
        try:
            while True:
                found = self._look()
                if found is None or found.condition is not Condition.BUSY:
                    self._last_events()
                    return found
                now = self.formation.pace.now()
                if seconds is not None and now - began >= seconds:
                    raise Locked(
                        f"the stack {found.name} is still being changed ({found.status})",
                        remedy="`deployer infra status` shows when it is done; --lock-wait waits longer",
                    )
                self._say_again(now)
                self.formation.pace.sleep(_PAUSE)
        except Interrupted:
            self.emit(
                Warned("CloudFormation goes on by itself: `deployer infra apply` follows it to its end")
            )
            raise

    def _look(self) -> Standing | None:
        """The stack's status, then its events: none that belongs to the status is missed."""
        for attempt in itertools.count(1):
            try:
                found = self.formation.standing(self.stack)
                self._tell(progress.unseen(self.formation.events(self.stack), self._seen, self.before))
                return found
            except CloudUnreachable as error:
                if attempt == _MOST_FAILURES:
                    raise
                if attempt == 1:
                    self.emit(Warned(f"{error.message}; trying again"))
                self.formation.pace.sleep(_PAUSE * min(attempt, 10))
        raise AssertionError("unreachable")

    def _last_events(self) -> None:
        for _ in range(_LAST_LOOKS):
            if any(progress.is_last(event) for event in self.events[-5:]):
                return
            self.formation.pace.sleep(1.0)
            self._look()

    def _tell(self, events: Iterable[Mapping[str, Any]]) -> None:
        for event in events:
            self._seen.add(str(event["EventId"]))
            self.events.append(event)
            self.emit(progress.told(event))
            resource = str(event.get("LogicalResourceId") or "")
            text = waiting.explanation(event, self.template)
            if text is not None and self._told.get(resource) != text:
                self.emit(Note(text))
                self._told[resource] = text
            elif not str(event.get("ResourceStatus", "")).endswith("_IN_PROGRESS"):
                self._told.pop(resource, None)

    def _say_again(self, now: float) -> None:
        if now < self._remind:
            return
        self._remind = now + waiting.REMIND
        for text in self._told.values():
            self.emit(Note(f"still waiting: {text}"))


def newest(formation: Formation, stack: str) -> str | None:
    """The id of the stack's newest event; None where it has none."""
    return next((str(event["EventId"]) for event in formation.events(stack)), None)


def running(formation: Formation, stack: Standing, emit: Emit) -> tuple[Following, bool]:
    """What is at work on a stack, from its beginning, and whether it was a command of ours that began it."""
    from deployer.stack.changeset import PREFIX

    events = progress.last_operation(formation.events(stack.id))
    following = Following(formation, stack.id, emit)
    # What came before it is not told.
    newest_first = iter(formation.events(stack.id))
    first = events[0]["EventId"] if events else None
    for event in newest_first:
        if event["EventId"] == first:
            break
    older = next(newest_first, None)
    following.before = str(older["EventId"]) if older else None
    return following, progress.begun_by(events, PREFIX)
