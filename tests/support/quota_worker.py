"""Processes whose threads ask for leave as often as they may, and print when they got it.

python -m tests.support.quota_worker URL WINDOW SECONDS THREADS PER_MINUTE...

One process for each limit, forked from this one. They begin when it is sent a line, for which it waits with
`ready`: to start may take long on a busy machine. What they print are lines of a limit and a time.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
import traceback

from app.storage.database import Database
from app.storage.errors import Busy
from app.storage.quota import Grant, Quota


def main(url: str, window: float, seconds: float, threads: int, limits: list[int]) -> int:
    """Ask until the time is over; 1 where one of them failed."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    children = [_fork(url, window, seconds, threads, limit) for limit in limits]
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children)


def _fork(url: str, window: float, seconds: float, threads: int, limit: int) -> int:
    if child := os.fork():
        return child
    status = 1
    try:
        _ask_all(
            Quota(Database(url, threads=threads), "model", limit, None, window=window),
            seconds,
            threads,
            limit,
        )
        status = 0
    except BaseException:  # noqa: BLE001  # a child must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(status)


def _ask_all(quota: Quota, seconds: float, threads: int, limit: int) -> None:
    until = time.monotonic() + seconds
    failures: list[BaseException] = []

    def ask() -> None:
        ticket = secrets.token_hex(16)
        try:
            while time.monotonic() < until:
                try:
                    turn = quota.take(ticket)
                except Busy:  # as the service answers 503, and is asked again
                    continue
                match turn:
                    case Grant(at):
                        os.write(1, f"{limit} {at}\n".encode())  # at once, so that lines do not mix
                        ticket = secrets.token_hex(16)
                    case wait:
                        time.sleep(min(wait.seconds, 0.1))
        except BaseException as failure:  # noqa: BLE001  # raised below
            failures.append(failure)

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    sys.exit(
        main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), [*map(int, sys.argv[5:])])
    )
