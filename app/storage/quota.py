"""The model's limits, kept by all threads, processes, containers and releases that share a database.

No window of 60 seconds sees more than `per_minute` grants. Each grant takes a slot, a row that says when it
was used and that is free again 61 seconds later. A model's slots are looked at and taken under the lock of
its first one, by the database's clock. Where releases disagree on the limit, the lowest counts of those that
somebody asked with in the last ten windows: a release may have nothing to ask for a while and still be there.

Who has to wait is served in the order of asking. A grant is spent when it is given: a crash wastes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.storage.database import Database, now_us
from app.storage.tables import quota_day, quota_limit, quota_pause, quota_queue, quota_slot

SECOND = 1_000_000  # microseconds
WINDOW = 61.0  # seconds: the service's sixty, and what a request may take longer on its way than another one
HEARD = 10  # windows for which a limit counts after somebody asked with it
GONE = 15.0  # seconds after which a ticket that was not seen is dropped
FRESH = 5.0  # seconds for which having been seen need not be written again
LONGEST_PAUSE = 25 * 3600.0  # seconds; no service asks for more than a day, and clocks can be wrong
PACIFIC = ZoneInfo("America/Los_Angeles")  # where the service's day begins and ends


@dataclass(frozen=True)
class Grant:
    """Leave to ask the model once, now. `at`: microseconds, by the database's clock."""

    at: int


@dataclass(frozen=True)
class Wait:
    """Not yet: ask again, within `GONE` seconds, with the same ticket.

    :param place: in the queue; 1 is next.
    :param seconds: how long it will take if those ahead use their turns at once: an estimate, rarely too
        short.
    :param per_day: the day's limit is the reason; it takes until midnight in California.
    """

    place: int
    seconds: float
    per_day: bool = False


@dataclass(frozen=True)
class _View:
    """What decides, as of one moment; times are microseconds."""

    now: int
    limit: int
    used: tuple[int, ...]  # when, of the slots that are taken, the oldest first
    left_today: int | None
    until: int  # a pause's end; 0: none
    per_day: bool  # that pause is for the day
    place: int | None  # of the ticket: in the queue
    seen: int  # of the ticket: when
    ahead: int


class Quota:
    """One model's limits.

    :param database: holds the counts.
    :param model: the model's id; each has a quota of its own.
    :param per_minute: grants in any 60 seconds, at least 1.
    :param per_day: grants between two midnights in California; None: no limit.
    :param window: seconds after which a slot is free again; shorter in tests.
    :param clock: the database's, in microseconds; another one in tests.
    """

    def __init__(
        self,
        database: Database,
        model: str,
        per_minute: int,
        per_day: int | None,
        *,
        window: float = WINDOW,
        clock: Callable[[Connection], int] = now_us,
    ) -> None:
        self._database = database
        self._model = model
        self._per_minute = per_minute
        self._per_day = per_day
        self._window = round(window * SECOND)
        self._clock = clock

    def take(self, ticket: str) -> Grant | Wait:
        """Get leave to ask the model once, or a place in the queue. Never waits for a slot.

        Where it raises, a grant may have been spent, but none was given.

        :param ticket: of one request, up to 32 characters; the same one each time it is asked for.
        :raises StorageError: the database's trouble.
        """
        # Most of those who wait cannot be served yet, and need not queue for the lock to hear it.
        view = self._database.read(lambda connection: self._view(connection, ticket))
        if view.place is not None and view.now - view.seen < FRESH * SECOND:
            answer = self._answer(view)
            if answer:
                return answer
        self._prepare()
        return self._database.retrying(lambda connection: self._take(connection, ticket))

    def leave(self, ticket: str) -> None:
        """Give up a place in the queue. Nothing happens where there is none.

        :raises StorageError: the database's trouble; the ticket is dropped in any case, after `GONE` seconds.
        """
        self._database.retrying(
            lambda connection: connection.execute(delete(quota_queue).where(quota_queue.c.ticket == ticket))
        )

    def pause(self, seconds: float, *, per_day: bool) -> None:
        """Let nobody ask for some time: the service said so. A longer pause that is on stays.

        :param per_day: it is the day's limit, and lasts until midnight in California at least, whatever the
            service says: it tells seconds for that, too.
        :raises StorageError: the database's trouble.
        """
        self._prepare()
        self._database.retrying(lambda connection: self._pause(connection, seconds, per_day=per_day))

    def _pause(self, connection: Connection, seconds: float, *, per_day: bool) -> None:
        self._lock(connection)
        now = self._clock(connection)
        until = now + round(min(max(seconds, 0.0), LONGEST_PAUSE) * SECOND)
        if per_day:
            until = max(until, next_day(now))
        mine = quota_pause.c.model == self._model
        there = connection.execute(select(quota_pause.c.until).where(mine)).scalar()
        values = {"until": until, "per_day": int(per_day)}
        if there is None:
            connection.execute(insert(quota_pause).values(model=self._model, **values))
        elif there < until:
            connection.execute(update(quota_pause).where(mine).values(values))

    def _take(self, connection: Connection, ticket: str) -> Grant | Wait:
        self._lock(connection)
        now = self._clock(connection)
        self._announce(connection, now)
        self._mend(connection, now)
        connection.execute(
            delete(quota_queue).where(
                quota_queue.c.model == self._model, quota_queue.c.seen_at < now - round(GONE * SECOND)
            )
        )
        view = self._view(connection, ticket, now)
        answer = self._answer(view)
        if answer is None:
            return self._grant(connection, ticket, now)
        if view.place is None:
            connection.execute(insert(quota_queue).values(model=self._model, ticket=ticket, seen_at=now))
        else:
            connection.execute(update(quota_queue).where(quota_queue.c.ticket == ticket).values(seen_at=now))
        return answer

    def _grant(self, connection: Connection, ticket: str, now: int) -> Grant:
        free = connection.execute(
            select(func.min(quota_slot.c.slot)).where(
                quota_slot.c.model == self._model, quota_slot.c.used_at <= now - self._window
            )
        ).scalar_one()
        connection.execute(
            update(quota_slot)
            .where(quota_slot.c.model == self._model, quota_slot.c.slot == free)
            .values(used_at=now)
        )
        today = (quota_day.c.model == self._model) & (quota_day.c.day == day_of(now))
        if not connection.execute(update(quota_day).where(today).values(used=quota_day.c.used + 1)).rowcount:
            connection.execute(insert(quota_day).values(model=self._model, day=day_of(now), used=1))
        connection.execute(delete(quota_queue).where(quota_queue.c.ticket == ticket))
        return Grant(now)

    def _answer(self, view: _View) -> Wait | None:
        """What a view means: None where it can be granted."""
        turns = view.ahead + 1
        start = max(view.now, view.until)
        if view.left_today is not None and turns > view.left_today:
            start = max(start, next_day(view.now))
            return Wait(turns, (start - view.now) / SECOND, per_day=True)
        times = list(view.used)
        for _ in range(turns):  # as if everybody ahead came at once
            full = len(times) >= view.limit
            times.append(max(start, times[-view.limit] + self._window) if full else start)
        if times[-1] <= view.now:
            return None
        return Wait(turns, (times[-1] - view.now) / SECOND, per_day=view.per_day and start > view.now)

    def _view(self, connection: Connection, ticket: str, now: int | None = None) -> _View:
        now = self._clock(connection) if now is None else now
        of_model = quota_slot.c.model == self._model
        used = connection.execute(
            select(quota_slot.c.used_at)
            .where(of_model, quota_slot.c.used_at > now - self._window)
            .order_by(quota_slot.c.used_at)
        ).scalars()
        limit = connection.execute(
            select(func.min(quota_limit.c.per_minute)).where(
                quota_limit.c.model == self._model, quota_limit.c.seen_at > now - HEARD * self._window
            )
        ).scalar()
        spent = connection.execute(
            select(quota_day.c.used).where(quota_day.c.model == self._model, quota_day.c.day == day_of(now))
        ).scalar()
        pause = connection.execute(
            select(quota_pause.c.until, quota_pause.c.per_day).where(quota_pause.c.model == self._model)
        ).first()
        mine = connection.execute(
            select(quota_queue.c.place, quota_queue.c.seen_at).where(quota_queue.c.ticket == ticket)
        ).first()
        queue = select(func.count()).where(
            quota_queue.c.model == self._model, quota_queue.c.seen_at >= now - round(GONE * SECOND)
        )
        if mine:
            queue = queue.where(quota_queue.c.place < mine.place)
        return _View(
            now=now,
            limit=min(self._per_minute, limit or self._per_minute),
            used=tuple(used),
            left_today=None if self._per_day is None else max(self._per_day - (spent or 0), 0),
            until=pause.until if pause else 0,
            per_day=bool(pause and pause.per_day),
            place=mine.place if mine else None,
            seen=mine.seen_at if mine else 0,
            ahead=connection.execute(queue).scalar_one(),
        )

    def _lock(self, connection: Connection) -> None:
        """From here to the commit, nobody else does anything with this model's quota."""
        connection.execute(
            select(quota_slot.c.slot)
            .where(quota_slot.c.model == self._model, quota_slot.c.slot == 0)
            .with_for_update()
        )

    def _announce(self, connection: Connection, now: int) -> None:
        """Say that somebody asks with this limit, and see that there are as many slots."""
        mine = (quota_limit.c.model == self._model) & (quota_limit.c.per_minute == self._per_minute)
        if not connection.execute(update(quota_limit).where(mine).values(seen_at=now)).rowcount:
            connection.execute(
                insert(quota_limit).values(model=self._model, per_minute=self._per_minute, seen_at=now)
            )
        there = connection.execute(select(func.count()).where(quota_slot.c.model == self._model)).scalar_one()
        if there < self._per_minute:
            new = [
                {"model": self._model, "slot": slot, "used_at": 0} for slot in range(there, self._per_minute)
            ]
            connection.execute(insert(quota_slot), new)

    def _mend(self, connection: Connection, now: int) -> None:
        """Times to come are those of a clock that was set back: nobody waits for it to get there again."""
        ahead = (quota_slot.c.model == self._model) & (quota_slot.c.used_at > now)
        connection.execute(update(quota_slot).where(ahead).values(used_at=now))
        longest = now + round(LONGEST_PAUSE * SECOND)
        too_long = (quota_pause.c.model == self._model) & (quota_pause.c.until > longest)
        connection.execute(update(quota_pause).where(too_long).values(until=longest))

    def _prepare(self) -> None:
        """Make the slot that is the lock: what does not exist cannot be locked."""

        def there(connection: Connection) -> bool:
            found = select(quota_slot.c.slot).where(quota_slot.c.model == self._model, quota_slot.c.slot == 0)
            return connection.execute(found).first() is not None

        if not self._database.read(there):
            first = insert(quota_slot).values(model=self._model, slot=0, used_at=0)
            try:
                self._database.retrying(lambda connection: connection.execute(first))
            except IntegrityError:
                return  # somebody else was first


def day_of(us: int) -> str:
    """The date in California at a moment, as `2026-11-22`."""
    return dt.datetime.fromtimestamp(us // SECOND, PACIFIC).date().isoformat()


def next_day(us: int) -> int:
    """When California's next day begins, in microseconds; days there have 23, 24 or 25 hours."""
    today = dt.datetime.fromtimestamp(us // SECOND, PACIFIC).date()
    midnight = dt.datetime.combine(today + dt.timedelta(days=1), dt.time(), PACIFIC)
    return round(midnight.timestamp()) * SECOND
