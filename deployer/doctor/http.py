"""Questions over HTTP, as the doctor asks them: short, and no answer is an answer too."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from msgspec import Struct, field

PATIENCE = 10.0
"""Seconds to connect, and between two pieces of an answer."""

TOTAL = 30.0
"""Seconds for all of an answer."""

MOST = 20 << 20
"""Bytes of an answer that are read."""


class Answer(Struct, frozen=True):
    """What came back; `code` is 0 where nothing did, and `reason` says why."""

    code: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def said(self) -> str:
        """The code, or why there is none."""
        return str(self.code) if self.code else self.reason

    def data(self) -> dict[str, Any]:
        """The JSON object in it; empty where there is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def get(
    url: str, headers: Mapping[str, str] | None = None, *, follow: bool = False, most: int = MOST
) -> Answer:
    """Ask with GET; takes `TOTAL` seconds at most, however slowly the other side sends.

    :param headers: may hold a secret, which is why redirects are not followed unless `follow` says so.
    :param most: bytes of the body from which on no more is read; with 0 the status and headers are enough.
    """
    ends = time.monotonic() + TOTAL
    asked: Future[Answer] = Future()

    def ask() -> None:
        try:
            asked.set_result(_asked(url, headers or {}, follow, most, ends))
        except Exception as error:  # noqa: BLE001 -- it is raised again where it was asked
            asked.set_exception(error)

    # Headers and handshakes are read by others, who only know how long a silence may last. Whoever sends them
    # byte by byte keeps this thread; it ends with the command.
    threading.Thread(target=ask, name="doctor-get", daemon=True).start()
    try:
        return asked.result(TOTAL)
    except TimeoutError:
        return Answer(0, reason=_too_slow())


def _asked(url: str, headers: Mapping[str, str], follow: bool, most: int, ends: float) -> Answer:
    import requests
    import urllib3

    given = {"User-Agent": "deployer-doctor", **headers}
    try:
        with requests.get(
            url, headers=given, timeout=PATIENCE, stream=True, allow_redirects=follow
        ) as answer:
            body = b""
            # Each piece as it comes: a larger one would be waited for, whatever the clock says.
            while len(body) < most and (piece := answer.raw.read1(1 << 16, decode_content=True)):
                body += piece
                if time.monotonic() > ends:
                    return Answer(0, reason=_too_slow())
            return Answer(answer.status_code, body, answer.headers)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        # Of a name that is none, as a..b, the libraries tell in their own ways.
        return Answer(0, reason=type(error).__name__)


def _too_slow() -> str:
    return f"no end within {TOTAL:.0f} s"
