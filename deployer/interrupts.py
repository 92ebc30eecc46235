"""Ctrl-C, SIGTERM and a lost terminal as exceptions, and the moments in which they have to wait."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from deployer.errors import Interrupted

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)


@contextlib.contextmanager
def raising() -> Iterator[None]:
    """Within: both signals raise `Interrupted` in the main thread."""
    previous = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Within: both signals are ignored. For the few hundred milliseconds of putting things right.

    Signals are the main thread's business: in any other there is nothing to keep away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
