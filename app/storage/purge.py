"""Removing what is kept no longer: interviews past their time, and what the quota needs no more."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.storage.database import Database, now_us
from app.storage.quota import GONE, HEARD, SECOND, WINDOW, day_of
from app.storage.tables import chore, interview, quota_day, quota_limit, quota_queue

BATCH = 20  # interviews in one transaction: nobody waits long for their locks
EVERY = 3600  # seconds
DAYS = 7  # that a day's count is kept, for who wants to look
NAME = "purge"


@dataclass(frozen=True)
class Purged:
    """How many rows went; what belongs to an interview goes with it and is not counted."""

    interviews: int = 0
    days: int = 0
    tickets: int = 0


def purge(database: Database) -> Purged:
    """Remove it all, in small steps; safe with others doing the same.

    :raises StorageError: what was removed before stays removed.
    """
    interviews = 0
    while found := database.retrying(_interviews):
        interviews += found
    days, tickets = database.retrying(_quota)
    database.forget()
    return Purged(interviews, days, tickets)


def purge_if_due(database: Database) -> Purged | None:
    """Likewise, if it is an hour since anybody did: of all processes that ask, one does it.

    One that dies on the way leaves the rest to the next hour.

    :return: None where it is not due.
    :raises StorageError: the database's trouble.
    """
    try:
        due = database.retrying(_claim)
    except IntegrityError:  # the very first time, somebody else was first
        return None
    return purge(database) if due else None


def _claim(connection: Connection) -> bool:
    now = now_us(connection) // 1000
    # A time more than an hour ahead is that of a clock that was set back.
    due = (chore.c.due_at <= now) | (chore.c.due_at > now + 2 * EVERY * 1000)
    mine = chore.c.name == NAME
    if connection.execute(update(chore).where(mine, due).values(due_at=now + EVERY * 1000)).rowcount:
        return True
    if connection.execute(select(chore.c.name).where(mine)).first() is None:
        connection.execute(insert(chore).values(name=NAME, due_at=now + EVERY * 1000))
        return True
    return False


def _interviews(connection: Connection) -> int:
    now = now_us(connection) // 1000
    expired = select(interview.c.id).where(interview.c.expires_at <= now).order_by(interview.c.expires_at)
    found = connection.execute(expired.limit(BATCH)).scalars().all()
    if found:
        connection.execute(delete(interview).where(interview.c.id.in_(found)))
    return len(found)


def _quota(connection: Connection) -> tuple[int, int]:
    now = now_us(connection)
    days = connection.execute(delete(quota_day).where(quota_day.c.day < day_of(now - DAYS * 86400 * SECOND)))
    tickets = connection.execute(
        delete(quota_queue).where(quota_queue.c.seen_at < now - round(GONE * SECOND))
    )
    connection.execute(
        delete(quota_limit).where(quota_limit.c.seen_at < now - round(2 * HEARD * WINDOW * SECOND))
    )
    return days.rowcount, tickets.rowcount
