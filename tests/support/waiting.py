"""Waiting for what will be so, instead of sleeping until it should be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL = 0.05  # seconds


def until(condition: Callable[[], T], what: str, *, timeout: float = 60.0) -> T:
    """Asks until the answer is true, and gives it. Raises AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not so within {timeout:g} s: {what}"
        time.sleep(POLL)
    return found
