"""Pieces of work for an interviewer, as rows: begun by a request, done by any process, told by events.

A task belongs to one process at a time, by a lease that this process renews. When the process is gone and the
lease is over, another one begins the task anew; the result of one that lost its lease is not kept. So what a
task leads to happens once, whoever dies.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from app.clock import now
from app.interviewer.errors import ModelError
from app.storage.tables import event, task

Kind = Literal["ask", "assess", "report"]
State = Literal["waiting", "running", "parked", "done", "failed"]
EventType = Literal["started", "delta", "result", "error"]

LEASE = 15_000
"""Milliseconds after its last renewal at which a task is anybody's again."""
ATTEMPTS = 3
"""How often a task is begun whose process died over it: it may be the task that kills."""
GAP = 1000
"""What the numbers of events jump by when a task begins anew: more than its last process can have told
clients without having written it down."""


@dataclass(frozen=True)
class Task:
    """A task as it is now.

    :param subject: the question of an assessment, the number of judged answers of a report, else 0.
    :param problem: `{code, values, status...}` of the last failure.
    """

    id: str
    interview: str
    kind: Kind
    subject: int
    state: State
    attempts: int
    problem: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in ("done", "failed")


@dataclass(frozen=True)
class Event:
    """What happened to a task; numbers grow, with gaps."""

    number: int
    type: EventType
    data: str


def new_id() -> str:
    """The id of a task, which is also its ticket in the model's queue."""
    return secrets.token_hex(8)


def create(db: Connection, identifier: str, interview: str, kind: Kind, subject: int, owner: str) -> Task:
    """A new task that waits, with `owner` (a process) to do it."""
    made = Task(identifier, interview, kind, subject, "waiting", 0, None)
    db.execute(
        insert(task).values(
            id=made.id,
            interview=interview,
            kind=kind,
            subject=subject,
            state="waiting",
            owner=owner,
            lease_until=now() + LEASE,
            attempts=0,
            created_at=now(),
        )
    )
    return made


def find(db: Connection, identifier: str) -> Task | None:
    """A task; None where it is gone, its interview with it."""
    return next(iter(_read(db, task.c.id == identifier)), None)


def of(db: Connection, interview: str, kind: Kind, subject: int) -> Task | None:
    """The task of that kind on that subject."""
    where = and_(task.c.interview == interview, task.c.kind == kind, task.c.subject == subject)
    return next(iter(_read(db, where)), None)


def of_interview(db: Connection, interview: str) -> list[Task]:
    """All of an interview's."""
    return _read(db, task.c.interview == interview)


def free(db: Connection, most: int) -> list[Task]:
    """Those that nobody works on although somebody should."""
    gone = or_(task.c.lease_until.is_(None), task.c.lease_until < now())
    return _read(db, and_(task.c.state.in_(("waiting", "running")), gone), most)


def take(db: Connection, identifier: str, owner: str) -> bool:
    """Make a task ours that has no owner, whose owner is gone, that has parked or failed; it waits again."""
    gone = or_(
        task.c.lease_until.is_(None), task.c.lease_until < now(), task.c.state.in_(("parked", "failed"))
    )
    changed = db.execute(
        update(task)
        .where(task.c.id == identifier, task.c.state != "done", gone)
        .values(state="waiting", owner=owner, lease_until=now() + LEASE, problem=None)
    )
    return changed.rowcount == 1


def begin(db: Connection, identifier: str, owner: str) -> int | None:
    """Begin our task: which attempt this is; None where it is not ours any more."""
    changed = db.execute(
        update(task)
        .where(task.c.id == identifier, task.c.owner == owner, task.c.state == "waiting")
        .values(state="running", attempts=task.c.attempts + 1, lease_until=now() + LEASE)
    )
    found = find(db, identifier) if changed.rowcount == 1 else None
    return found.attempts if found else None


def renew(db: Connection, identifiers: Sequence[str], owner: str) -> None:
    """We are still at them."""
    db.execute(
        update(task)
        .where(task.c.id.in_(identifiers), task.c.owner == owner, task.c.state.in_(("waiting", "running")))
        .values(lease_until=now() + LEASE)
    )


def hand_over(db: Connection, identifiers: Sequence[str], owner: str, state: State = "waiting") -> None:
    """Give up waiting tasks: to whoever comes first, or, `parked`, until somebody asks for them."""
    db.execute(
        update(task)
        .where(task.c.id.in_(identifiers), task.c.owner == owner, task.c.state == "waiting")
        .values(owner=None, lease_until=None, state=state)
    )


def wait_again(db: Connection, identifier: str, owner: str) -> bool:
    """Put our running task back into the queue: the model had no time for it, which is no attempt."""
    changed = db.execute(
        update(task)
        .where(task.c.id == identifier, task.c.owner == owner, task.c.state == "running")
        .values(state="waiting", attempts=task.c.attempts - 1, lease_until=now() + LEASE)
    )
    return changed.rowcount == 1


def finish(db: Connection, identifier: str, owner: str) -> bool:
    """Mark our task as done, in the transaction that keeps its result; False where it is ours no more."""
    changed = db.execute(
        update(task)
        .where(task.c.id == identifier, task.c.owner == owner, task.c.state == "running")
        .values(state="done", finished_at=now(), problem=None)
    )
    return changed.rowcount == 1


def is_ours(db: Connection, identifier: str, owner: str) -> bool:
    """Whether we were the last to work on a task."""
    where = (task.c.id == identifier, task.c.owner == owner)
    return db.execute(select(task.c.id).where(*where)).one_or_none() is not None


def states(db: Connection, identifiers: Sequence[str]) -> dict[str, str]:
    """The states of tasks by their ids; those that are gone are left out."""
    rows = db.execute(select(task.c.id, task.c.state).where(task.c.id.in_(identifiers)))
    return {row.id: row.state for row in rows}


def fail(db: Connection, identifier: str, owner: str, problem: ModelError) -> bool:
    """Keep why our task failed; False where it is not ours any more."""
    kept = {"code": problem.code, "values": problem.values, "retryable": problem.retryable}
    changed = db.execute(
        update(task)
        .where(task.c.id == identifier, task.c.owner == owner, task.c.state.in_(("waiting", "running")))
        .values(state="failed", finished_at=now(), problem=json.dumps(kept, ensure_ascii=False))
    )
    return changed.rowcount == 1


# -- events ----------------------------------------------------------------------


def last_numbers(db: Connection, identifiers: Sequence[str]) -> dict[str, int]:
    """The number of each task's newest event; tasks without events are left out."""
    rows = db.execute(
        select(event.c.task, func.max(event.c.number).label("last"))
        .where(event.c.task.in_(identifiers))
        .group_by(event.c.task)
    )
    return {row.task: row.last for row in rows}


def append(db: Connection, identifier: str, events: Iterable[Event]) -> None:
    """Keep events, but for those that are kept: a COMMIT may have been done that nobody heard of."""
    kept = last_numbers(db, [identifier]).get(identifier, 0)
    rows = [
        {"task": identifier, "number": item.number, "type": item.type, "data": item.data}
        for item in events
        if item.number > kept
    ]
    if rows:
        db.execute(insert(event), rows)


def events(db: Connection, identifier: str, after: int) -> list[Event]:
    """The events that came after a number, in order."""
    rows = db.execute(
        select(event.c.number, event.c.type, event.c.data)
        .where(event.c.task == identifier, event.c.number > after)
        .order_by(event.c.number)
    )
    return [Event(number, type_, data) for number, type_, data in rows]


def _read(db: Connection, where: Any, most: int | None = None) -> list[Task]:
    rows = db.execute(select(task).where(where).order_by(task.c.created_at, task.c.id).limit(most))
    return [
        Task(
            row.id,
            row.interview,
            cast(Kind, row.kind),
            row.subject,
            cast(State, row.state),
            row.attempts,
            json.loads(row.problem) if row.problem else None,
        )
        for row in rows
    ]
