"""The interview API, killed at its n-th COMMIT: before it, or after it and before anybody hears of it.

    python -m tests.support.struck '{"database": ..., "endpoint": ..., "key": ...}'

It reads orders, lines of JSON `{"point", "when", "path", "headers", "body"}`, and forks for each a process
that sends itself the request and meets its end on the way. What became of it is a line too: `killed`, or the
status of the response where there were fewer COMMITs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import google.generativeai  # noqa: F401  # once, not in every fork
from sqlalchemy import Connection

from app import Settings, create_app, tasks, teller
from app.storage.database import Database
from tests.support.relay import When

LEASE = 300  # milliseconds: nobody is to wait long for the work of a dead process


def arm(point: int, when: When) -> None:
    """Let this process die at that COMMIT of changes, counted from 1."""
    original = Database._transaction  # all of them go through it
    count = 0

    def strike(now: When) -> None:
        if count == point and now == when:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextlib.contextmanager
    def counted(self: Database, *, writes: bool) -> Iterator[Connection]:
        nonlocal count
        with original(self, writes=writes) as connection:
            yield connection
            count += writes
            strike("before")
        strike("after")

    Database._transaction = counted  # type: ignore[method-assign]  # to be struck


def serve(settings: Settings, order: dict[str, Any]) -> int:
    """The status of the request, where this process lives that long."""
    tasks.LEASE = LEASE
    teller.FLUSH = 0.0
    application = create_app(settings)
    arm(order["point"], order["when"])
    client = application.test_client()
    return client.post(order["path"], json=order["body"], headers=order["headers"]).status_code


def main() -> None:
    """Take orders until there are no more."""
    given = json.loads(sys.argv[1])
    settings = Settings(
        database=given["database"],
        rate=0,
        gemini_key=given["key"],
        model_endpoint=given["endpoint"],
        per_minute=1000,
        per_day=100_000,
    )
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            status = serve(settings, json.loads(line))
            os._exit(status - 100)  # an exit status has eight bits
        _, ended = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(ended)
        sys.stdout.write("killed\n" if code == -signal.SIGKILL else f"{code + 100}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
