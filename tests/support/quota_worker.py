"""A process whose threads ask for leave as often as they may, and print when they got it.

python -m tests.support.quota_worker URL PER_MINUTE WINDOW SECONDS THREADS
"""

from __future__ import annotations

import secrets
import sys
import threading
import time

from app.storage.database import Database
from app.storage.quota import Grant, Quota


def main(url: str, per_minute: int, window: float, seconds: float, threads: int) -> None:
    """Ask until the time is over."""
    database = Database(url, threads=threads)
    quota = Quota(database, "model", per_minute, None, window=window)
    until = time.monotonic() + seconds

    def ask() -> None:
        ticket = secrets.token_hex(16)
        while time.monotonic() < until:
            match quota.take(ticket):
                case Grant(at):
                    sys.stdout.write(f"{at}\n")
                    sys.stdout.flush()
                    ticket = secrets.token_hex(16)
                case wait:
                    time.sleep(min(wait.seconds, 0.1))

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
