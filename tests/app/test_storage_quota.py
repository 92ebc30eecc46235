"""The model's limits: shared, never passed, and fair."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import func, select

from app.storage.database import Database
from app.storage.quota import PACIFIC, SECOND, Grant, Quota, Wait, day_of, next_day
from app.storage.tables import quota_queue
from tests.app.conftest import ROOT
from tests.support import nursery
from tests.support.scale import times
from tests.support.waiting import until

WINDOW = times(1, 61)  # seconds
WINDOWS = times(2, 5)  # how many of them pass in a test with processes
PROCESSES = times(2, 8)
MONDAY = round(dt.datetime(2026, 11, 23, 12, tzinfo=PACIFIC).timestamp()) * SECOND


class Clock:
    """The database's, as the test wants it."""

    def __init__(self, now: int = MONDAY) -> None:
        self.now = now

    def __call__(self, connection: object) -> int:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def granted(answer: Grant | Wait) -> bool:
    return isinstance(answer, Grant)


def waits(answer: Grant | Wait) -> tuple[int, float, bool]:
    assert isinstance(answer, Wait), answer
    return answer.place, answer.seconds, answer.per_day


# -- by many processes -------------------------------------------------------------


def ask_from_many(
    database: Database,
    limits: Sequence[int],
    seconds: float,
    *,
    threads: int,
    before: Callable[[], None] = lambda: None,
) -> dict[int, list[int]]:
    """Processes that ask at once, one for each limit; when each limit's got leave, in order.

    :param before: done when they are ready, right before they begin.
    """
    url = database.url.render_as_string(hide_password=False)
    found: dict[int, list[int]] = {limit: [] for limit in limits}
    words = [url, *map(str, (WINDOW, seconds, threads, *limits))]
    with nursery.talking("tests.support.quota_worker", words, cwd=ROOT, env=os.environ) as talk:
        assert talk.said.readline() == "ready\n"
        before()
        talk.given.write("\n")
        talk.given.flush()
        for line in talk.said:
            limit, at = map(int, line.split())
            found[limit].append(at)
    assert talk.process.returncode == 0
    return {limit: sorted(grants) for limit, grants in found.items()}


def most_in_a_window(grants: list[int]) -> int:
    """The largest number of grants in any sliding window."""
    return max(sum(1 for other in grants if at - WINDOW * SECOND < other <= at) for at in grants)


def test_no_window_has_more_whoever_asks(database: Database) -> None:
    limit = times(6, 15)
    grants = ask_from_many(database, [limit] * PROCESSES, WINDOW * WINDOWS, threads=3)[limit]
    assert most_in_a_window(grants) <= limit
    again = Quota(database, "model", limit, None, window=WINDOW)
    until(lambda: granted(again.take("later")), "they are given again")


def test_of_two_settings_the_lower_counts_from_when_it_is_heard_of(database: Database) -> None:
    high, low = times(8, 15), times(3, 9)

    def hear() -> None:
        higher = Quota(database, "model", high, None, window=WINDOW)
        for number in range(high):
            higher.take(f"before{number}")
        lower = Quota(database, "model", low, None, window=WINDOW)
        lower.take("first")
        lower.leave("first")

    found = ask_from_many(database, [high, low] * (PROCESSES // 2), WINDOW * WINDOWS, threads=1, before=hear)
    after = sorted(found[high] + found[low])
    assert most_in_a_window(after) <= low
    assert after


# -- by one, with a clock of its own -------------------------------------------------


def test_slots_are_free_again_after_the_window(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 2, None, clock=clock)
    assert granted(quota.take("a"))
    clock.pass_by(10)
    assert granted(quota.take("b"))
    assert waits(quota.take("c")) == (1, 51, False)
    clock.pass_by(50.9)
    assert not granted(quota.take("c"))
    clock.pass_by(0.1)
    assert granted(quota.take("c"))
    assert waits(quota.take("d")) == (1, 10, False)


def test_the_estimate_counts_those_ahead(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 2, None, clock=clock)
    quota.take("a")
    clock.pass_by(10)
    quota.take("b")
    assert [waits(quota.take(ticket))[:2] for ticket in "cdefg"] == [
        (1, 51),
        (2, 61),
        (3, 112),
        (4, 122),
        (5, 173),
    ]


def test_who_came_first_is_served_first(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 1, None, clock=clock)
    quota.take("a")
    for _ in range(5):
        assert [waits(quota.take(ticket))[0] for ticket in ("b", "c")] == [1, 2]
        clock.pass_by(12)
    clock.pass_by(1)
    assert waits(quota.take("d"))[0] == 3
    assert waits(quota.take("c"))[0] == 2
    assert granted(quota.take("b"))
    assert waits(quota.take("c"))[0] == 1


def test_a_free_slot_does_not_wait_for_the_first_to_ask(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 2, None, clock=clock)
    for ticket in ("a", "b", "c", "d"):
        quota.take(ticket)
    for _ in range(4):
        clock.pass_by(12.2)
        assert not granted(quota.take("c"))
        assert not granted(quota.take("d"))
    clock.pass_by(12.2)
    assert granted(quota.take("d"))
    assert granted(quota.take("c"))


def test_who_was_not_seen_for_long_is_dropped(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 1, None, clock=clock)
    for ticket in ("a", "gone", "b"):
        quota.take(ticket)
    clock.pass_by(14)
    assert waits(quota.take("b"))[0] == 2
    clock.pass_by(2)
    assert waits(quota.take("b"))[0] == 1
    assert waits(quota.take("gone"))[0] == 2


def test_who_leaves_is_not_waited_for(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 1, None, clock=clock)
    for ticket in ("a", "b", "c"):
        quota.take(ticket)
    quota.leave("b")
    quota.leave("never was there")
    assert waits(quota.take("c"))[0] == 1


def test_nothing_is_left_of_who_was_served(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 1, None, clock=clock)
    quota.take("a")
    for _ in range(5):
        assert not granted(quota.take("b"))
        clock.pass_by(12.2)
    assert granted(quota.take("b"))
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(quota_queue)).scalar_one() == 0


def test_a_limit_can_be_raised_once_the_lower_one_was_not_heard_of_for_long(
    database: Database, clock: Clock
) -> None:
    lower, higher = (Quota(database, "model", limit, None, clock=clock) for limit in (1, 2))
    assert granted(lower.take("a"))
    clock.pass_by(61)
    assert [granted(higher.take(ticket)) for ticket in "bc"] == [True, False]
    higher.leave("c")
    clock.pass_by(9 * 61)
    assert [granted(higher.take(ticket)) for ticket in "de"] == [True, True]


def test_models_have_quotas_of_their_own(database: Database, clock: Clock) -> None:
    one, two = (Quota(database, name, 1, 1, clock=clock) for name in ("one", "two"))
    assert granted(one.take("a"))
    assert granted(two.take("b"))
    one.pause(5, per_day=False)
    clock.pass_by(86400)
    assert granted(two.take("c"))


def test_a_pause_is_for_all(database: Database, clock: Clock) -> None:
    quota, other = (Quota(database, "model", 5, None, clock=clock) for _ in range(2))
    quota.pause(30, per_day=False)
    quota.pause(10, per_day=False)  # shorter: the longer one stays
    assert waits(other.take("a")) == (1, 30, False)
    clock.pass_by(29)
    assert waits(other.take("a")) == (1, 1, False)
    clock.pass_by(1)
    assert granted(other.take("a"))


def test_a_pause_for_the_day_lasts_until_midnight_whatever_the_service_says(
    database: Database, clock: Clock
) -> None:
    quota = Quota(database, "model", 5, None, clock=clock)
    quota.pause(30, per_day=True)
    assert waits(quota.take("a")) == (1, 12 * 3600, True)
    clock.pass_by(12 * 3600)
    assert granted(quota.take("a"))


def test_the_days_limit_ends_at_midnight_in_california(database: Database, clock: Clock) -> None:
    clock.pass_by(12 * 3600 - 300)
    quota = Quota(database, "model", 5, 2, clock=clock)
    assert granted(quota.take("a"))
    clock.pass_by(61)
    assert granted(quota.take("b"))
    clock.pass_by(61)
    assert waits(quota.take("c")) == (1, 178, True)
    clock.pass_by(177)
    assert waits(quota.take("c")) == (1, 1, True)
    clock.pass_by(1)
    assert granted(quota.take("c"))
    clock.pass_by(61)
    assert granted(quota.take("d"))
    assert waits(quota.take("e"))[2] is True


def test_the_days_limit_leaves_those_ahead_their_share(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 1, 2, clock=clock)
    assert granted(quota.take("a"))
    assert waits(quota.take("b")) == (1, 61, False)
    assert waits(quota.take("c")) == (2, 12 * 3600, True)


def test_a_clock_that_is_set_back_stops_nobody_for_long(database: Database, clock: Clock) -> None:
    quota = Quota(database, "model", 1, None, clock=clock)
    quota.take("a")
    quota.pause(20 * 3600, per_day=False)
    clock.pass_by(20 * 3600)
    quota.take("b")
    clock.pass_by(-7 * 86400)
    quota.take("c")
    assert waits(quota.take("c"))[1] <= 25 * 3600
    again = Quota(database, "other", 1, None, clock=clock)
    again.take("a")
    clock.pass_by(-86400)
    again.take("b")
    assert waits(again.take("b")) == (1, 61, False)


@pytest.mark.parametrize(
    ("utc", "day", "hours"),
    [
        ("2026-11-22T07:59:59", "2026-11-21", 0),
        ("2026-11-22T08:00:00", "2026-11-22", 24),
        ("2026-07-01T06:59:59", "2026-06-30", 0),
        ("2026-07-01T07:00:00", "2026-07-01", 24),
        ("2026-03-08T08:00:00", "2026-03-08", 23),
        ("2026-11-01T07:00:00", "2026-11-01", 25),
    ],
)
def test_californias_day(utc: str, day: str, hours: int) -> None:
    us = round(dt.datetime.fromisoformat(f"{utc}+00:00").timestamp()) * SECOND
    assert day_of(us) == day
    assert (next_day(us) - us) // (3600 * SECOND) == hours
