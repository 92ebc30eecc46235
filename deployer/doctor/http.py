"""Questions over HTTP, as the doctor asks them: short, and no answer is an answer too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

PATIENCE = 10.0
"""Seconds to connect, and between two pieces of an answer."""

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


def get(url: str, headers: Mapping[str, str] | None = None, *, follow: bool = False) -> Answer:
    """Ask with GET.

    :param headers: may hold a secret, which is why redirects are not followed unless `follow` says so.
    """
    import requests
    import urllib3

    given = {"User-Agent": "deployer-doctor", **(headers or {})}
    try:
        with requests.get(
            url, headers=given, timeout=PATIENCE, stream=True, allow_redirects=follow
        ) as answer:
            body = b""
            for piece in answer.iter_content(1 << 16):
                body += piece
                if len(body) > MOST:
                    break
            return Answer(answer.status_code, body, answer.headers)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        # Of a name that is none, as a..b, the libraries tell in their own ways.
        return Answer(0, reason=type(error).__name__)
