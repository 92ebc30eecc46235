"""Many things at a time: in order, no more than allowed, and an end to it when something goes wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from deployer.errors import DeployerError, Interrupted
from deployer.interrupts import raising
from deployer.site.s3.connection import Connection
from deployer.site.s3.halt import Halt, Stopped
from deployer.site.s3.workers import each


def nothing() -> None:
    pass


def test_everything_is_done_by_no_more_than_allowed() -> None:
    done, threads = [], set()
    lock = threading.Lock()

    def work(item: int) -> None:
        with lock:
            done.append(item)
            threads.add(threading.current_thread())

    each(work, range(500), at_once=4, hang_up=nothing)
    assert sorted(done) == list(range(500))
    assert 1 <= len(threads) <= 4


def test_nothing_to_do() -> None:
    each(lambda _: None, [], at_once=4, hang_up=nothing)


def test_after_an_error_nothing_is_begun_and_it_is_raised() -> None:
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 3:
            raise KeyError(item)

    with pytest.raises(KeyError, match="3"):
        each(work, range(10_000), at_once=2, hang_up=nothing)
    assert len(begun) < 10_000


def test_an_error_of_the_items_own_is_raised_too() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        each(lambda _: None, items(), at_once=2, hang_up=nothing)


def test_an_interrupt_hangs_up_and_waits_for_the_workers() -> None:
    hung_up, ended = threading.Event(), []
    late = threading.Timer(0.2, hung_up.set)  # nobody ends at once

    def work(item: int) -> None:
        if item == 2:
            os.kill(os.getpid(), signal.SIGTERM)  # the kernel gives it to the main thread, which waits for us
        hung_up.wait()
        ended.append(item)

    with raising(), pytest.raises(Interrupted):
        each(work, range(3), at_once=3, hang_up=late.start)
    assert sorted(ended) == [0, 1, 2]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """As many threads can be started as it has entries."""
    left: list[None] = []
    start = threading.Thread.start

    def started(thread: threading.Thread) -> None:
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", started)
    return left


def test_where_only_some_threads_can_be_had_they_do_it_all(room: list[None]) -> None:
    room += [None] * 2
    done: list[int] = []
    each(done.append, range(100), at_once=8, hang_up=nothing)
    assert sorted(done) == list(range(100))


def test_where_no_thread_can_be_had_it_is_said(room: list[None]) -> None:
    with pytest.raises(DeployerError, match="no more threads") as caught:
        each(lambda _: None, range(100), at_once=8, hang_up=nothing)
    assert not room
    assert "ulimit -u" in str(caught.value.remedy)


def test_a_halt_reaches_those_who_come_too_late() -> None:
    halt = Halt()
    halt.check()
    halt.call()
    with pytest.raises(Stopped):
        halt.check()
    with pytest.raises(Stopped):
        halt.pause(60)
    with pytest.raises(Stopped), halt.using(Connection.__new__(Connection)):
        pytest.fail("not reached")
