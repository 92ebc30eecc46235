"""Signals as exceptions, and the moments in which they have to wait."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from deployer.errors import Interrupted
from deployer.interrupts import raising, shielded


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
