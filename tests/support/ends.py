"""A server that plays Slack and any other end of `notify`: it answers as Slack documents.

    with served() as ends:
        ends.webhook, ends.api, ends.hook          # addresses for config.yaml
        ends.does("429", "ok")                     # what it does with the next requests; the last one stays
        ends.requests[0].json["text"]

Slack's answers: an incoming webhook says `ok`, or 400/403/404 with a word; the bot's API says HTTP 200 with
`{"ok": true, "ts": ...}` or `{"ok": false, "error": ...}`; both say 429 with Retry-After.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "xoxb-1-canary-token-of-the-bot"
WEBHOOK = "/services/T0/B0/canary-of-the-webhook"
HOOK = "/hook?token=canary-of-the-hook"
CHANNEL, CHANNEL_ID = "#deploys", "C0DEPLOYS"
CANARIES = ("canary-token-of-the-bot", "canary-of-the-webhook", "canary-of-the-hook", "canary-of-the-secret")


@dataclass(frozen=True)
class Request:
    """One that came in, whatever became of it."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Ends:
    """
    :ivar requests: all of them, in their order.
    :ivar shown: what a channel shows: the messages by their ts, as they were last changed.
    """

    address: str
    requests: list[Request] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    retry_after: str = "1"
    _manners: list[str] = field(default_factory=lambda: ["ok"])
    _released: threading.Event = field(default_factory=threading.Event)
    _stamps: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def webhook(self) -> str:
        return self.address + WEBHOOK

    @property
    def hook(self) -> str:
        return self.address + HOOK

    @property
    def api(self) -> str:
        return f"{self.address}/api"

    def does(self, *manners: str) -> None:
        """ok, never, slow, cut, hangup, garbage, or an HTTP status; one for each request, the last stays."""
        with self._lock:
            self._manners[:] = manners

    def release(self) -> None:
        """Whoever waits for an answer gets none."""
        self._released.set()

    def texts(self) -> list[str]:
        """The first line of every message that was posted or changed."""
        return [request.json.get("text", "") for request in self.requests]

    def take(self, request: Request) -> str:
        """Note a request; what is to be done with it."""
        with self._lock:
            self.requests.append(request)
            return self._manners.pop(0) if len(self._manners) > 1 else self._manners[0]

    def answer(self, request: Request) -> tuple[int, str, str]:
        """Status, kind and body, as Slack gives them, or anybody else who takes JSON."""
        if request.path == WEBHOOK:
            return self._of_webhook(request)
        if request.path.startswith("/api/"):
            return 200, "application/json", json.dumps(self._of_api(request))
        return (204, "", "") if request.path == HOOK else (404, "text/plain", "no_service")

    def _of_webhook(self, request: Request) -> tuple[int, str, str]:
        try:
            message = request.json
        except ValueError:
            return 400, "text/html", "invalid_payload"
        return (200, "text/html", "ok") if message.get("text") else (400, "text/html", "no_text")

    def _of_api(self, request: Request) -> dict[str, Any]:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        message = request.json
        if request.path == "/api/chat.postMessage":
            if message["channel"] != CHANNEL:
                return {"ok": False, "error": "channel_not_found"}
            stamp = f"1790000000.{next(self._stamps):06d}"
        elif request.path == "/api/chat.update":
            stamp = message["ts"]
            if message["channel"] != CHANNEL_ID or stamp not in self.shown:
                return {"ok": False, "error": "message_not_found"}
        else:
            return {"ok": False, "error": "unknown_method"}
        self.shown[stamp] = message
        return {"ok": True, "channel": CHANNEL_ID, "ts": stamp, "message": {"text": message["text"]}}


class _Handler(BaseHTTPRequestHandler):
    ends: Ends

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.path, dict(self.headers.items()), body)
        manner = self.ends.take(request)
        match manner:
            case "never":
                self.ends._released.wait()
                self.close_connection = True
            case "cut":
                self.wfile.write(
                    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"ok"'
                )
                self.close_connection = True
            case "hangup":
                self.close_connection = True
            case "garbage":
                self.wfile.write(b"what is this?\r\n\r\n")
                self.close_connection = True
            case "slow":
                self._say_slowly(*self.ends.answer(request))
            case "ok":
                self._say(*self.ends.answer(request))
            case _:
                self._say(int(manner), "text/plain", "")

    def _say(self, status: int, kind: str, body: str) -> None:
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", self.ends.retry_after)
        if status == 302:
            self.send_header("Location", self.ends.address + "/elsewhere")
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def _say_slowly(self, status: int, kind: str, body: str) -> None:
        """A header every 0.2 s, for ever: each read is quick, and the answer never comes to an end."""
        self.wfile.write(
            f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        with contextlib.suppress(OSError):
            while not self.ends._released.wait(0.2):
                self.wfile.write(b"1\r\n \r\n")
                self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served() -> Iterator[Ends]:
    """Until the end of the block."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    ends = Ends(f"http://127.0.0.1:{server.server_address[1]}")
    handler.ends = ends  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield ends
    finally:
        ends.release()
        server.shutdown()
        server.server_close()
        thread.join()
