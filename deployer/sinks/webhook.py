"""Any address that takes JSON: a batch of events in one POST, signed.

    X-Deployer-Delivery: 5f0c...            the same for every attempt to deliver this batch
    X-Deployer-Timestamp: 1790000000        seconds since 1970, of this attempt
    X-Deployer-Signature: sha256=<hex>      HMAC-SHA256 of timestamp + "." + body, by the shared secret

docs/notifications.md shows how a receiver checks it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence

from deployer.sinks.end import Happening, Run, Sending
from deployer.sinks.http import accepted, check_address, post
from deployer.sinks.jsonlines import moment
from deployer.sinks.wanted import Wanted

VERSION = 1


class Webhook:
    """:param secret: what deliveries are signed with; empty for not at all."""

    def __init__(
        self, wanted: Wanted, run: Run, url: str, secret: str, timeout: float, environ: Mapping[str, str]
    ) -> None:
        check_address(url, "url")
        self.wanted = wanted
        self._run = run
        self._url = url
        self._secret = secret
        self._timeout = timeout
        self._environ = environ

    def prepare(self, batch: Sequence[Happening]) -> Sequence[Sending]:
        chosen = [happening for happening in batch if self.wanted.has(happening.event)]
        if not chosen:
            return ()
        delivery = secrets.token_hex(16)
        body = {
            "version": VERSION,
            "delivery": delivery,
            "run": self.wanted.mask.all(self._run.as_dict()),
            "events": [{"time": moment(each.at), **self.wanted.record(each.event)} for each in chosen],
        }
        data = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace")

        def send() -> None:
            headers = {"X-Deployer-Delivery": delivery, **signed(self._secret, data, time.time())}
            accepted(post(self._url, data, headers, timeout=self._timeout, environ=self._environ))

        return (Sending(len(chosen), send),)


def signed(secret: str, body: bytes, now: float) -> dict[str, str]:
    """The headers by which a receiver knows that a delivery is ours, and new."""
    timestamp = str(int(now))
    headers = {"X-Deployer-Timestamp": timestamp}
    if secret:
        digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers["X-Deployer-Signature"] = f"sha256={digest}"
    return headers
