"""Server-Sent Events: a task as it goes on, from wherever the client has lost it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from flask import Response

from app.hub import Hub

HEARTBEAT = 15.0  # seconds: proxies and phones give up on a connection that is silent for longer
RETRY = 1000  # milliseconds after which a client comes back to a stream that was cut


def response(hub: Hub, task: str, *, after: int, greeting: dict[str, object]) -> Response:
    """The events of a task after a number, to its end.

    :param greeting: the data of the first event, `queued`: it has no id, for it is of this connection only.
    """
    return Response(
        _frames(hub, task, after, greeting),
        content_type="text/event-stream; charset=utf-8",
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"},
    )


def wait(hub: Hub, task: str, timeout: float) -> None:
    """Wait until a task has ended, for `timeout` seconds at most."""
    deadline = time.monotonic() + timeout
    channel = hub.join(task)
    try:
        after = noted = 0
        while (left := deadline - time.monotonic()) > 0:
            events, (noted, _), ended = channel.wait(after, noted, left)
            if ended or (hub.stopping and not channel.local):
                return
            after = events[-1].number if events else after
    finally:
        hub.leave(task)


def _frames(hub: Hub, task: str, after: int, greeting: dict[str, object]) -> Iterator[bytes]:
    channel = hub.join(task)
    noted = 0
    try:
        yield f"retry: {RETRY}\n".encode() + _frame("queued", json.dumps(greeting, ensure_ascii=False))
        while True:
            events, (noted, note), ended = channel.wait(after, noted, HEARTBEAT)
            if note is not None and not events:
                yield _frame("queued", note)
            if events:
                after = events[-1].number
                yield b"".join(_frame(item.type, item.data, item.number) for item in events)
            elif ended:
                yield _frame("done", json.dumps({"task": task}))
                return
            elif hub.stopping and not channel.local:
                return  # this process ends; the client comes back to another one
            elif note is None:
                yield b": still here\n\n"
    finally:
        hub.leave(task)


def _frame(type_: str, data: str, number: int | None = None) -> bytes:
    """One event; JSON has no line breaks, so that data is one line."""
    identifier = "" if number is None else f"id: {number}\n"
    return f"{identifier}event: {type_}\ndata: {data}\n\n".encode()
