"""Ctrl-C, SIGTERM and a lost terminal as exceptions, and the moments in which they have to wait.

Signals are the main thread's business. Where it has others work for it, it passes one on with `interrupt`;
they meet it at their next `checkpoint`, which is wherever they ask an engine something.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from deployer.errors import Interrupted

HEARING = 1.0
"""Seconds after which a signal is heard that came in the instant before the main thread began to wait."""

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_pending: dict[threading.Thread, int] = {}
_shields = threading.local()


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


def interrupt(thread: threading.Thread, number: int) -> None:
    """Have `Interrupted` raised in another thread, once, at its next checkpoint."""
    _pending[thread] = number


def checkpoint() -> None:
    """A place where a thread that was interrupted notices. :raises Interrupted: it was."""
    if _pending and not getattr(_shields, "depth", 0):
        number = _pending.pop(threading.current_thread(), None)
        if number is not None:
            raise Interrupted(number)


def wait(event: threading.Event, seconds: float = math.inf) -> bool:
    """Wait for an event, and hear signals meanwhile; whether it is set.

    Python looks for signals before it waits, and one that comes just then does not wake it.

    :param seconds: at most.
    """
    ends = time.monotonic() + seconds
    while not event.wait(max(0.0, min(HEARING, ends - time.monotonic()))):
        if time.monotonic() >= ends:
            return event.is_set()
    return True


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Within: nothing interrupts. For the few hundred milliseconds of putting things right."""
    if threading.current_thread() is not threading.main_thread():
        _shields.depth = getattr(_shields, "depth", 0) + 1
        try:
            yield
        finally:
            _shields.depth -= 1
        return
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
