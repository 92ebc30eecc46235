"""The front end as visitors get it, with what can happen on the way: cuts, a missing file."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from weakref import WeakKeyDictionary

from scripts.frontend import Site


@dataclass(frozen=True)
class Seen:
    """A request to the API."""

    method: str
    path: str
    key: str | None
    last_event: str | None


class Front(Site):
    """The site, with faults that a test asks for."""

    def __init__(self, dist: Path, api: str) -> None:
        super().__init__(dist, api)
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self._cuts = 0
        self._pieces = 0
        self._passed: WeakKeyDictionary[BaseHTTPRequestHandler, int] = WeakKeyDictionary()

    def cut(self, times: int, after: int) -> None:
        """The next streams are cut after so many pieces each."""
        with self._lock:
            self._cuts, self._pieces = times, after

    def hide(self, name: str) -> None:
        """Files with this in their name are not there any more; with an empty name, all are again."""
        self.hidden = name

    def asked(self, method: str, ending: str) -> list[Seen]:
        """The requests of a method to paths that end so."""
        return [each for each in list(self.seen) if each.method == method and each.path.endswith(ending)]

    def note(self, handler: BaseHTTPRequestHandler) -> None:
        headers = handler.headers
        seen = Seen(handler.command, handler.path, headers["Idempotency-Key"], headers["Last-Event-ID"])
        self.seen.append(seen)

    def passes(self, handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        with self._lock:
            if not self._cuts or "text/event-stream" not in handler.headers.get("Accept", ""):
                return True
            number = self._passed[handler] = self._passed.get(handler, 0) + 1
            if number <= self._pieces:
                return True
            self._cuts -= 1
            return False
