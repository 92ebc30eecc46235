"""What a courier promises: an order, a count of what is lost, and that an end cannot hurt whoever emits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from deployer.errors import ConfigError, NotDelivered
from deployer.events import CommandFinished, Event, Note
from deployer.sinks.courier import Courier, Pace
from deployer.sinks.end import End, Happening, Sending
from deployer.sinks.wanted import Wanted
from tests.support.waiting import until

PACE = Pace(gather=0.0, first_pause=0.001, attempts=3)


class Memo:
    """An end that writes down, and fails as it is told."""

    def __init__(self, *failures: Exception, whole: bool = False) -> None:
        self.wanted = Wanted()
        self.told: list[str] = []
        self.failures = list(failures)
        self.whole = whole
        self.go = threading.Event()
        self.go.set()

    def prepare(self, batch: Sequence[Happening]) -> Sequence[Sending]:
        texts = [happening.event.sentence() for happening in batch]

        def send() -> None:
            self.go.wait()
            if self.failures:
                raise self.failures.pop(0)
            self.told.extend(texts)

        return (Sending(len(batch), send, whole=self.whole),)


def courier(make: Callable[[], End], room: int = 1000) -> Courier:
    return Courier("memo", "memo", Wanted().has, make, PACE, room)


def put(to: Courier, *events: Event) -> None:
    for event in events:
        to.put(Happening(0.0, event))


def ended(one: Courier, patience: float = 60.0) -> Courier:
    one.hurry(time.monotonic() + patience)
    one.wait()
    return one


def test_events_arrive_in_their_order() -> None:
    memo = Memo()
    one = courier(lambda: memo)
    put(one, *(Note(str(number)) for number in range(250)))
    assert ended(one).lost() is None
    assert memo.told == [str(number) for number in range(250)]


def test_what_fails_for_a_while_is_tried_again() -> None:
    memo = Memo(NotDelivered("busy", again=True), NotDelivered("busy", again=True))
    one = courier(lambda: memo)
    put(one, Note("a"))
    assert ended(one).lost() is None
    assert memo.told == ["a"]


def test_what_is_refused_is_not_tried_again() -> None:
    memo = Memo(NotDelivered("no"))
    one = courier(lambda: memo)
    memo.go.clear()
    put(one, Note("a"))
    memo.go.set()
    lost = ended(one).lost()
    assert lost is not None
    assert (lost.events, lost.reason) == (1, "no")
    assert memo.told == []


def test_a_message_that_tells_all_makes_up_for_those_before() -> None:
    busy = NotDelivered("busy", again=True)
    memo = Memo(busy, busy, busy, whole=True)
    one = courier(lambda: memo)
    put(one, Note("a"))
    until(lambda: not memo.failures, "it has been tried three times")
    put(one, Note("b"))
    assert ended(one).lost() is None


def test_an_end_that_cannot_be_made_costs_its_events_and_says_why() -> None:
    def make() -> End:
        raise ConfigError("webhook: ${env:X} is not set")

    one = courier(make)
    put(one, Note("a"), Note("b"))
    lost = ended(one).lost()
    assert lost is not None
    assert (lost.events, lost.reason) == (2, "webhook: ${env:X} is not set")


def test_a_fault_of_an_end_is_a_loss_that_repeats_nothing() -> None:
    memo = Memo(ValueError("https://hooks.example.org/secret"))
    one = courier(lambda: memo)
    put(one, Note("a"))
    lost = ended(one).lost()
    assert lost is not None
    assert (lost.events, lost.reason) == (1, "unexpected ValueError")


def test_the_last_word_finds_room_where_others_do_not() -> None:
    memo = Memo()
    memo.go.clear()
    one = courier(lambda: memo, room=3)
    put(one, *(Note(str(number)) for number in range(20)), CommandFinished("rollout", 1.0))
    memo.go.set()
    lost = ended(one).lost()
    assert lost is not None
    assert "more than 3 events waited" in lost.reason
    assert memo.told[-1] == "rollout is done (1.0 s)"
    assert lost.events + len(memo.told) == 21


def test_a_host_without_threads_costs_the_events_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    one = courier(Memo)
    put(one, Note("a"))
    lost = ended(one).lost()
    assert lost is not None
    assert (lost.events, lost.reason) == (1, "there are no more threads to be had")


def test_nobody_waits_longer_than_the_deadline() -> None:
    memo = Memo()
    memo.go.clear()
    one = courier(lambda: memo)
    put(one, Note("a"), Note("b"))
    lost = ended(one, 0.05).lost()
    memo.go.set()
    assert lost is not None
    assert (lost.events, lost.reason) == (2, "it has not answered yet")


def test_a_pause_that_the_deadline_would_cut_is_not_begun() -> None:
    """An end that wants to be left alone for an hour is given up at once, though ten minutes are left."""
    memo = Memo(NotDelivered("busy", again=True, after=3600.0))
    one = courier(lambda: memo)
    put(one, Note("a"))
    lost = ended(one, 600.0).lost()
    assert lost is not None
    assert lost.reason == "busy"
