"""Who gets in, how often, and what every response says to browsers and to whoever reads the logs."""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import threading
import time
from collections import OrderedDict

from flask import Flask, Response, g, request

from app.problems import Problem
from app.settings import Settings

log = logging.getLogger("app.requests")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
FREE = ("/api/health/", "/metrics")
"""What the edge and Prometheus ask for: no secret, no limit."""
ADDRESSES = 10_000
"""Addresses that are remembered for the rate limit: those seen last."""
METHODS = "GET, POST, DELETE"
KNOWN = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
EXPOSED = "Location, Retry-After, Idempotency-Replayed, X-Request-ID"
HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"


class Rate:
    """At most so many requests a minute from one address: a bucket that fills up steadily.

    Each process has its own, and it ends with it: this keeps one client from taking the service away from the
    others. What the model is asked is limited by the shared quota.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_second = per_minute / 60
        self._size = max(1.0, per_minute / 4)
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str, now: float | None = None) -> float:
        """0 where the request may pass, else seconds until one may."""
        now = time.monotonic() if now is None else now
        with self._lock:
            level, seen = self._buckets.pop(address, (self._size, now))
            level = min(self._size, level + (now - seen) * self._per_second)
            passes = level >= 1
            self._buckets[address] = (level - 1 if passes else level, now)
            if len(self._buckets) > ADDRESSES:
                self._buckets.popitem(last=False)
        return 0.0 if passes else (1 - level) / self._per_second


def install(flask: Flask, settings: Settings) -> None:
    """Put the guards before, and the headers and the log after, every route."""
    rate = Rate(settings.rate) if settings.rate else None

    @flask.before_request
    def admit() -> Response | None:
        g.began = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        if request.path.startswith(FREE):
            return None
        if settings.origin_secrets and not _knows_secret(settings.origin_secrets):
            raise Problem(403, "origin-required")
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(status=204)
        if rate is not None and (seconds := rate.wait(address(settings.trusted_hops))):
            raise Problem(429, "too-many-requests", headers={"Retry-After": str(int(seconds) + 1)})
        return None

    @flask.after_request
    def harden(response: Response) -> Response:
        # Answers hold personal data: no cache keeps them, no browser guesses what they are.
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault(
            "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["X-Request-ID"] = g.get("request_id", "")
        _allow(response, settings.cors_origins)
        _record(response)
        return response


def address(hops: int) -> str:
    """Whose request it is: as the outermost proxy that is ours saw it."""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).split(",")
    seen = [item.strip() for item in forwarded if item.strip()]
    return seen[-hops] if 0 < hops <= len(seen) else request.remote_addr or "?"


def method() -> str:
    """The request's method, for logs and metrics; `other` for one that somebody has invented."""
    return request.method if request.method in KNOWN else "other"


def _knows_secret(known: tuple[str, ...]) -> bool:
    given = request.headers.get("X-Origin-Secret", "").encode()
    # Every one is compared, so that the time does not tell which.
    return sum(hmac.compare_digest(given, secret.encode()) for secret in known) > 0


def _allow(response: Response, origins: tuple[str, ...]) -> None:
    """Let pages of these origins read the answer; without the setting, nobody's."""
    if not origins:
        return
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Methods"] = METHODS
    response.headers["Access-Control-Allow-Headers"] = HEADERS
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    response.headers["Access-Control-Max-Age"] = "600"


def _record(response: Response) -> None:
    """A line for the request: its route, not its path, which holds an id; nothing that anybody wrote."""
    if request.path.startswith(FREE) and response.status_code < 400:
        return
    rule = request.url_rule
    line = {
        "request": g.get("request_id"),
        "method": method(),
        "route": rule.rule if rule else None,
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
    }
    log.info(json.dumps(line))
