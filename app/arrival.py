"""Bodies that have to arrive in time: who sends a byte a minute holds a thread that others need."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from flask import Request

from app.problems import Problem

PATIENCE = 10.0  # seconds for any body, and beyond that as long as a slow line takes
SLOWEST = 64 * 1024  # bytes a second, of a phone in a train


@contextlib.contextmanager
def in_time(request: Request, most: int) -> Iterator[None]:
    """Read the body within; what has not come by then is given up, and the connection with it.

    :param most: bytes that the body may have, where the client does not say how many it has.
    :raises Problem: 408, it took too long.
    """
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    if connection is None:  # no server: the body is there
        yield
        return
    seconds = PATIENCE + min(request.content_length or most, most) / SLOWEST
    late = threading.Event()

    def give_up() -> None:
        late.set()
        with contextlib.suppress(OSError):  # it has gone by itself
            connection.shutdown(socket.SHUT_RD)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    too_slow = Problem(408, "too-slow", seconds=round(seconds))
    try:
        yield
    except Exception:
        if late.is_set():
            raise too_slow from None
        raise
    finally:
        timer.cancel()
    if late.is_set():  # what came looked like all of it
        raise too_slow
