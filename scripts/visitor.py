"""A visitor of the site, who loads the page and all it refers to, again and again, and notes what is missing.

    with Visitor("http://127.0.0.1:8080") as visitor:
        deploy()
    print(visitor.broken)

It keeps no cache, and it never closes a tab: of every version of the page that it has seen, it goes on
loading all files. A deploy that deletes what it replaces breaks just that.
"""

from __future__ import annotations

import http.client
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

from deployer.site.references import references

PATIENCE = 60.0
"""Seconds within which a visit must have ended."""

PAUSE = 0.2
"""Seconds between two visits: those who are to be served need the processor as well."""

Tab = dict[str, bytes]
"""A version of the page: its files by path, as they were when it was first seen."""


class Visitor:
    """
    :param url: where the site is; its API is left alone.
    :ivar visits: whole visits so far.
    :ivar requests: requests so far.
    :ivar tabs: every version of the page that was seen, by its own text.
    :ivar broken: what was not there, or was another file than before, in words.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._browse, daemon=True)
        self.visits = 0
        self.requests = 0
        self.tabs: dict[bytes, Tab] = {}
        self.broken: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def wait_for_more(self, visits: int = 1) -> None:
        """Wait until so many whole visits have begun and ended. :raises TimeoutError: they do not."""
        goal, deadline = self.visits + visits + 1, time.monotonic() + PATIENCE
        while self.visits < goal:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the visitor is stuck after {self.visits} visits")
            time.sleep(0.02)

    def _browse(self) -> None:
        while not self._ended.is_set():
            page, kind = self._get("/")
            if page is not None and page not in self.tabs:
                self.tabs[page] = self._open(page, kind)
            for tab in list(self.tabs.values()):
                for path, before in tab.items():
                    body, _ = self._get(path)
                    if body not in (None, before):
                        self.broken.append(f"{path} is another file than before")
            self.visits += 1
            self._ended.wait(PAUSE)

    def _open(self, page: bytes, kind: str) -> Tab:
        """Load everything that a page needs, and what that needs."""
        tab: Tab = {}
        todo = [("index.html", kind, page)]
        while todo:
            path, kind, body = todo.pop()
            if not kind.startswith(("text/html", "text/css", "text/javascript")):
                continue
            for target in references(path, kind, body.decode()):
                if f"/{target}" in tab or target in ("", "index.html") or target.startswith("api/"):
                    continue
                found, kind = self._get(f"/{target}")
                if found is not None:
                    tab[f"/{target}"] = found
                    todo.append((target, kind, found))
        return tab

    def _get(self, path: str) -> tuple[bytes | None, str]:
        """A file and its media type; None, and noted down, where it could not be had."""
        self.requests += 1
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request("GET", quote(path))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(f"{path}: {error!r}")
            return None, ""
        finally:
            connection.close()
        if answer.status != 200:
            self.broken.append(f"{path}: {answer.status}")
            return None, ""
        return body, answer.getheader("content-type") or ""
