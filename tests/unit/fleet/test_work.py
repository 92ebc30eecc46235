"""Work on several hosts at once: every end is told, faults and interrupts too."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from deployer.errors import DeployerError, Exhausted, Interrupted
from deployer.fleet.work import Outcome, each
from deployer.interrupts import checkpoint, interrupt, raising, shielded


def test_each_has_its_own_end() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise DeployerError("two is bad")
        if number == 3:
            raise ZeroDivisionError("three is a fault of ours")
        return number * 10

    ended: list[str] = []
    found = each([1, 2, 3], work, ended=lambda outcome: ended.append(outcome.host))
    assert sorted(ended) == ["1", "2", "3"]
    assert found[0].value == 10
    assert found[1].error is not None
    assert found[1].error.message == "two is bad"
    fault = found[2].error
    assert fault is not None
    assert "ZeroDivisionError" in fault.message
    assert "in work, " in fault.details[0]
    assert isinstance(fault.__cause__, ZeroDivisionError)


def test_a_thread_that_cannot_be_had_is_the_end_of_one_and_not_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = threading.Thread.start
    begun: list[threading.Thread] = []

    def start(thread: threading.Thread) -> None:
        begun.append(thread)
        if len(begun) == 2:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    ended: list[str] = []
    found = each([1, 2, 3], lambda number: number * 10, ended=lambda outcome: ended.append(outcome.host))
    assert [outcome.value for outcome in found] == [10, None, 30]
    assert isinstance(found[1].error, Exhausted)
    assert sorted(ended) == ["1", "2", "3"]


def test_no_more_than_so_many_at_once() -> None:
    inside = threading.Semaphore(2)

    def work(_: int) -> bool:
        got = inside.acquire(blocking=False)
        time.sleep(0.01)
        inside.release() if got else None
        return got

    assert all(outcome.value for outcome in each(range(20), work, at_once=2))


def test_an_interrupt_reaches_all_of_them_and_each_comes_to_its_end() -> None:
    running = threading.Barrier(4)
    ended: list[Outcome[None]] = []

    def work(_: int) -> None:
        running.wait(10)
        while True:
            checkpoint()
            time.sleep(0.005)

    def strike() -> None:
        running.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=strike).start()
    with raising(), pytest.raises(Interrupted):
        each([1, 2, 3], work, ended=ended.append)
    assert [type(outcome.error) for outcome in ended] == [Interrupted] * 3
    assert {int(outcome.error.exit_status) for outcome in ended if outcome.error} == {143}


def test_a_shield_keeps_an_interrupt_until_it_is_gone() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            with shielded():
                checkpoint()
                seen.append("shielded")
            checkpoint()
        except Interrupted:
            seen.append("interrupted")
        checkpoint()  # once is enough
        seen.append("went on")

    thread = threading.Thread(target=work)
    interrupt(thread, signal.SIGINT)
    thread.start()
    thread.join()
    assert seen == ["shielded", "interrupted", "went on"]
