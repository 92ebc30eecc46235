"""Ending requests that are on their way, from another thread: their command was interrupted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.site.s3.connection import Connection


class Stopped(BaseException):
    """The request was given up because its command was interrupted.

    No Exception, so that the SDK does not take it for a fault of the network, and try again.
    """


class Halt:
    """For the requests of one piece of work; those of others go on."""

    def __init__(self) -> None:
        self._called = threading.Event()
        self._lock = threading.Lock()
        self._using: set[Connection] = set()

    def call(self) -> None:
        """Hang up: whoever waits for an answer is told that there will be none."""
        self._called.set()
        with self._lock:
            for connection in self._using:
                connection.close()

    def check(self) -> None:
        """Raises Stopped after `call`."""
        if self._called.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait. Raises Stopped at `call`."""
        if self._called.wait(seconds):
            raise Stopped

    @contextmanager
    def using(self, connection: Connection) -> Iterator[None]:
        """Within: `call` closes the connection. Raises Stopped after it."""
        with self._lock:
            self.check()
            self._using.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._using.discard(connection)
