"""Signals as exceptions, and the moments in which they have to wait."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from deployer.errors import Interrupted
from deployer.interrupts import raising, shielded, wait


def test_a_signal_is_raised_and_not_while_shielded() -> None:
    with raising():
        with shielded():
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_status == 143


def test_threads_may_put_things_right_too() -> None:
    problems: list[BaseException] = []

    def work() -> None:
        try:
            with shielded():
                pass
        except ValueError as error:
            problems.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert problems == []


def test_a_signal_that_does_not_wake_the_waiting_is_heard_all_the_same() -> None:
    """One that another thread gets leaves the main one asleep, and so does one right before it waits."""
    never = threading.Event()
    rescue = threading.Timer(30, never.set)

    def strike() -> None:
        time.sleep(0.3)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    rescue.start()
    try:
        # However late the main thread comes to wait, it is struck only in here, where that is heard.
        with raising():
            threading.Thread(target=strike).start()
            with pytest.raises(Interrupted):
                wait(never)
        assert not never.is_set(), "it was not heard before the wait was over"
    finally:
        rescue.cancel()


def test_a_wait_ends_with_the_event_or_the_time() -> None:
    event = threading.Event()
    assert not wait(event, 0.01)
    assert not wait(event, -1)
    event.set()
    assert wait(event, -1)
    assert wait(event)
