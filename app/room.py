"""Room for files: what the uploads of a process may hold in memory together, and one client of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator

from app.problems import Problem

WAIT = 5.0  # seconds that an upload may wait for room in all: half of what any body has to arrive
RETRY_AFTER = 5  # seconds after which one that found none is worth another try


class Room:
    """Bytes that are lent to uploads as they arrive: who sends slowly holds what came, not what is to come.

    :param size: what all of them may hold; :param share: what those of one client may, so that nobody takes
        all of it. No file may be larger than that.
    :param wait: seconds that an upload may wait in all.
    """

    def __init__(self, size: int, share: int, wait: float) -> None:
        self._size = size
        self._share = share
        self._wait = wait
        self._changed = threading.Condition()
        self._held: Counter[str] = Counter()

    @contextlib.contextmanager
    def entered(self, client: str) -> Iterator[Claim]:
        """An upload, as long as its bytes are in use: what it took is free when this ends.

        :param client: the address that it comes from.
        """
        claim = Claim(self, client, self._wait)
        try:
            yield claim
        finally:
            self.give_back(client, claim.held)

    def take(self, client: str, size: int, patience: float) -> None:
        """Hold so many bytes more. :raises Problem: 503, there is no room within so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has(client, size), patience):
                raise Problem(503, "uploads-busy", headers={"Retry-After": str(RETRY_AFTER)})
            self._held[client] += size

    def give_back(self, client: str, size: int) -> None:
        """Hold so many bytes less."""
        with self._changed:
            self._held[client] -= size
            if not self._held[client]:
                del self._held[client]  # addresses are countless
            self._changed.notify_all()

    def _has(self, client: str, size: int) -> bool:
        return self._held[client] + size <= self._share and self._held.total() + size <= self._size


class Claim:
    """What one upload holds of a room.

    :ivar held: bytes.
    """

    def __init__(self, room: Room, client: str, patience: float) -> None:
        self._room = room
        self._client = client
        self._patience = patience
        self.held = 0

    def grow(self, size: int) -> None:
        """Take so many bytes more. :raises Problem: 503, there is no room for them."""
        asked = time.monotonic()
        self._room.take(self._client, size, self._patience)
        self.held += size
        self._patience = max(0.0, self._patience - (time.monotonic() - asked))
