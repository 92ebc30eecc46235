"""The shop: an HTTP/1.1 server to deploy, with the standard library alone.

It runs in a container, as the child of an init. What it answers:

    GET  /health, /healthz-alt   200 when ready, 503 with NEVER_READY
    GET  /, /api/anything        at once
    GET  /slow?s=3               after `s` seconds
    GET  /stream?s=6             server-sent events, four a second, and `event: done` after `s` seconds, or
                                 as soon as the service gets SIGUSR1
    GET  /headers                the request's headers, as they arrived
    POST /orders                 201; records the body as an order's id
    GET  /orders?prefix=x        the ids recorded, in order, as often as they were recorded
    POST /upload                 201; the number of bytes received

All but health is there below /api, too, where an edge with a site sends what is meant for it.

Every answer carries the version, in its body and in `X-Version`, and returns `X-Request-Id`.
Its manners are chosen by environment variables:

    V=1                     the version
    PORT=8080, DATA=/data   where it listens, where it keeps orders.log (memory alone when not writable)
    IDLE_SECONDS=75         after which an idle keep-alive connection is closed
    BOOT_SECONDS=s          waits before it listens
    SLOW_SECONDS=s          every answer but health takes so much longer
    NEVER_READY=1           health answers 503 for ever
    EXIT_AT_START=code      complains on stderr and exits
    FAIL_AFTER_READY=1      health 200, all else 500
    HANG_UP=1               health 200, on all else it closes the connection without a word
    FAIL_AFTER_REQUESTS=n   all but health 500, after n requests
    UNREADY_AFTER_REQUESTS=n  health 503, after n requests that are not for health
    FREEZE_AFTER_REQUESTS=n   accepts connections and says nothing any more, after n of them
    DIE_AFTER_SECONDS=s     exits with 3, s seconds after the first request that is not for health
    LEAK=n                  keeps n MiB more every second, from that same request on
    IGNORE_SIGTERM=1        goes on until SIGKILL
    DOUBLE_ORDERS=1         records every order twice
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HEALTH = ("/health", "/healthz-alt")
PLACES = ("/headers", "/orders", "/slow", "/stream", "/upload")
REASONS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
MAX_HEAD = 64 * 1024


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Manners:
    """The environment variables, typed."""

    version: str = "1"
    port: int = 8080
    data: str = "/data"
    idle: float = 75.0
    boot: float = 0.0
    slow: float = 0.0
    never_ready: bool = False
    exit_at_start: int | None = None
    fail_after_ready: bool = False
    hang_up: bool = False
    fail_after_requests: int | None = None
    unready_after_requests: int | None = None
    freeze_after_requests: int | None = None
    die_after: float | None = None
    leak: float = 0.0
    ignore_sigterm: bool = False
    double_orders: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Manners:
        def number(name: str) -> float | None:
            return float(environ[name]) if environ.get(name) else None

        def count(name: str) -> int | None:
            return int(environ[name]) if environ.get(name) else None

        return cls(
            version=environ.get("V", "1"),
            port=int(environ.get("PORT", "8080")),
            data=environ.get("DATA", "/data"),
            idle=number("IDLE_SECONDS") or 75.0,
            boot=number("BOOT_SECONDS") or 0.0,
            slow=number("SLOW_SECONDS") or 0.0,
            never_ready=environ.get("NEVER_READY") == "1",
            exit_at_start=count("EXIT_AT_START"),
            fail_after_ready=environ.get("FAIL_AFTER_READY") == "1",
            hang_up=environ.get("HANG_UP") == "1",
            fail_after_requests=count("FAIL_AFTER_REQUESTS"),
            unready_after_requests=count("UNREADY_AFTER_REQUESTS"),
            freeze_after_requests=count("FREEZE_AFTER_REQUESTS"),
            die_after=number("DIE_AFTER_SECONDS"),
            leak=number("LEAK") or 0.0,
            ignore_sigterm=environ.get("IGNORE_SIGTERM") == "1",
            double_orders=environ.get("DOUBLE_ORDERS") == "1",
        )


class Orders:
    """The ids recorded. Two releases may share the file: one write with O_APPEND is one line."""

    def __init__(self, folder: str) -> None:
        self._kept: list[str] = []
        self._path = Path(folder) / "orders.log"
        try:
            self._file: int | None = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError:
            self._file = None

    def record(self, order: str) -> None:
        self._kept.append(order)
        if self._file is not None:
            os.write(self._file, order.encode() + b"\n")

    def all(self, prefix: str = "") -> list[str]:
        ids = self._kept if self._file is None else self._path.read_text().split("\n")[:-1]
        return [order for order in ids if order.startswith(prefix)]


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        below = parts.path.removeprefix("/api")
        self.path = below if below in PLACES else parts.path
        self.query = dict(parse_qsl(parts.query))

    @property
    def last(self) -> bool:
        """The client wants the connection closed after the answer."""
        return "close" in self.headers.get("connection", "").lower()


class BadRequest(Exception):
    """What arrived is not HTTP/1.1 as this server speaks it."""


def parse_chunks(data: bytes) -> tuple[bytes, int] | None:
    """The body and the number of bytes it took; None while the last chunk is missing."""
    body, at = bytearray(), 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].split(b";")[0], 16)
        if size == 0:
            return (bytes(body), end + 4) if data[end + 2 : end + 4] == b"\r\n" else None
        if len(data) < end + 2 + size + 2:
            return None
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
    return None


class Connection(asyncio.Protocol):
    """One client's connection: one request at a time, in the order they arrive."""

    transport: asyncio.Transport

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._buffer = bytearray()
        self._head: Request | None = None  # parsed, its body still arriving
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self.idle_since: float = shop.loop.time()

    @property
    def busy(self) -> bool:
        return self._task is not None or bool(self._buffer) or self._head is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._shop.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._shop.connections.discard(self)
        self._room.set()
        if self._task is not None:
            self._task.cancel()
        self._shop.look_for_end()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        while self._task is None and not self.transport.is_closing():
            try:
                request = self._next_request()
            except (BadRequest, ValueError, IndexError) as error:
                self._reply(400, {"error": str(error)}, request=None, last=True)
                return
            if request is None:
                return
            self._serve(request)

    def _next_request(self) -> Request | None:
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise BadRequest("the head of the request does not end")
                return None
            lines = self._buffer[:end].decode("latin-1").split("\r\n")
            method, target, protocol = lines[0].split(" ")
            headers = {}
            for line in lines[1:]:
                name, value = line.split(":", 1)
                headers[name.lower()] = value.strip()
            if protocol == "HTTP/1.0" and headers.get("connection", "").lower() != "keep-alive":
                headers["connection"] = "close"
            del self._buffer[: end + 4]
            self._head = Request(method, target, headers)
            if headers.get("expect", "").lower() == "100-continue":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = self._head
        if "chunked" in request.headers.get("transfer-encoding", "").lower():
            parsed = parse_chunks(bytes(self._buffer))
            if parsed is None:
                return None
            request.body, used = parsed
        else:
            used = int(request.headers.get("content-length", "0"))
            if len(self._buffer) < used:
                return None
            request.body = bytes(self._buffer[:used])
        del self._buffer[:used]
        self._head = None
        return request

    def _serve(self, request: Request) -> None:
        shop = self._shop
        status, content = shop.answer(request)
        if shop.manners.hang_up and request.path not in HEALTH:
            self.transport.close()
            return
        seconds = shop.seconds(request, status)
        if seconds > 0 or (status == 200 and request.path == "/stream"):
            self._task = shop.loop.create_task(self._serve_slowly(request, status, content, seconds))
            self._task.add_done_callback(self._served_slowly)
        else:
            self._reply(status, content, request=request)

    async def _serve_slowly(
        self, request: Request, status: int, content: dict[str, Any], seconds: float
    ) -> None:
        await asyncio.sleep(seconds)
        if request.path == "/stream" and status == 200:
            await self._stream(request, float(request.query.get("s", "6")))
        else:
            self._reply(status, content, request=request)

    def _served_slowly(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is None:
            self._advance()
        elif not self.transport.is_closing():
            self.transport.abort()
        self._shop.look_for_end()

    def _reply(
        self, status: int, content: dict[str, Any], *, request: Request | None, last: bool = False
    ) -> None:
        shop = self._shop
        last = last or shop.ending or request is None or request.last
        body = json.dumps({"version": shop.manners.version, **content}).encode() + b"\n"
        self.transport.write(
            self._head_of(
                status, request, last, f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            )
            + (b"" if request is not None and request.method == "HEAD" else body)
        )
        self._answered(last)

    def _head_of(self, status: int, request: Request | None, last: bool, more: str) -> bytes:
        asked = request.headers.get("x-request-id") if request is not None else None
        return (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nX-Version: {self._shop.manners.version}\r\n"
            + (f"X-Request-Id: {asked}\r\n" if asked else "")
            + ("Connection: close\r\n" if last else "Connection: keep-alive\r\n")
            + more
            + "\r\n"
        ).encode("latin-1")

    def _answered(self, last: bool) -> None:
        self.idle_since = self._shop.loop.time()
        if last:
            self.transport.close()

    async def _stream(self, request: Request, seconds: float) -> None:
        self.transport.write(
            self._head_of(
                200,
                request,
                request.last or self._shop.ending,
                "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                "Transfer-Encoding: chunked\r\n",
            )
        )
        version = self._shop.manners.version
        for number in range(round(seconds * 4)):
            if self._shop.brief:
                break
            await asyncio.sleep(0.25)
            await self._event("tick", f"{version} {number}")
        await self._event("done", version)
        self.transport.write(b"0\r\n\r\n")
        self._answered(request.last or self._shop.ending)

    async def _event(self, name: str, data: str) -> None:
        event = f"event: {name}\ndata: {data}\n\n".encode()
        await self._room.wait()
        self.transport.write(b"%x\r\n%s\r\n" % (len(event), event))


class Shop:
    """The service: what it answers, and how it comes and goes."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.orders = Orders(manners.data)
        self.connections: set[Connection] = set()
        self.ending = False
        self.brief = False
        self.loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._requests = 0
        self._leaked: list[bytearray] = []

    async def run(self) -> int:
        """Until SIGTERM or SIGINT has been obeyed; gives the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._signalled)
        self.loop.add_signal_handler(signal.SIGUSR1, self._hurry)
        boot = asyncio.ensure_future(asyncio.sleep(self.manners.boot))
        told = asyncio.ensure_future(self._ended.wait())
        await asyncio.wait((boot, told), return_when=asyncio.FIRST_COMPLETED)
        if self._ended.is_set():
            return 0
        self._server = await self.loop.create_server(
            lambda: Connection(self), "0.0.0.0", self.manners.port, backlog=1024, reuse_address=True
        )
        say(f"listening v={self.manners.version} port={self.manners.port}")
        sweep = asyncio.ensure_future(self._close_idle())
        await told
        sweep.cancel()
        say(f"stopped v={self.manners.version} after {self._requests} requests")
        return 0

    def _signalled(self) -> None:
        if self.manners.ignore_sigterm:
            say("SIGTERM ignored")
            return
        self.ending = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            if not connection.busy:
                connection.transport.close()
        self.look_for_end()

    def _hurry(self) -> None:
        self.brief = True

    def look_for_end(self) -> None:
        """Ends the service when it has been told to and nothing is in flight."""
        if self.ending and not self.connections:
            self._ended.set()

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.manners.idle / 4))
            oldest = self.loop.time() - self.manners.idle
            for connection in list(self.connections):
                if not connection.busy and connection.idle_since < oldest:
                    connection.transport.close()

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        """The status and the body's fields; records orders."""
        if request.path in HEALTH:
            ready = not self.manners.never_ready and not self._beyond(self.manners.unready_after_requests)
            return (200 if ready else 503), {"ready": ready}
        self._requests += 1
        if self._requests == 1:
            self._first_request()
        if self._beyond(self.manners.freeze_after_requests):
            self._freeze()
        if self.manners.fail_after_ready or self._beyond(self.manners.fail_after_requests):
            return 500, {"error": "told to fail"}
        match request.method, request.path:
            case "POST", "/orders":
                order = request.body.decode().strip()
                for _ in range(2 if self.manners.double_orders else 1):
                    self.orders.record(order)
                return 201, {"order": order}
            case "POST", "/upload":
                return 201, {"received": len(request.body)}
            case "GET", "/orders":
                return 200, {"orders": self.orders.all(request.query.get("prefix", ""))}
            case "GET" | "HEAD", "/headers":
                return 200, {"headers": request.headers}
            case "GET" | "HEAD", path if path in ("/", "/slow", "/stream") or path.startswith("/api/"):
                return 200, {"path": path}
        return 404, {"error": f"no {request.method} {request.path}"}

    def seconds(self, request: Request, status: int) -> float:
        """How long the answer is to be held back."""
        if request.path in HEALTH:
            return 0.0
        asked = float(request.query.get("s", "3")) if request.path == "/slow" and status == 200 else 0.0
        return self.manners.slow + asked

    def _beyond(self, requests: int | None) -> bool:
        """There were more than so many."""
        return requests is not None and self._requests > requests

    def _first_request(self) -> None:
        if self.manners.die_after is not None:
            self.loop.call_later(self.manners.die_after, self._die)
        if self.manners.leak:
            self._leak()

    def _die(self) -> None:
        say(f"fatal: told to die v={self.manners.version}")
        os._exit(3)

    def _freeze(self) -> None:
        say(f"told to freeze v={self.manners.version}")
        while True:
            time.sleep(60)

    def _leak(self) -> None:
        self._leaked.append(bytearray(os.urandom(1024) * int(self.manners.leak * 1024 / 10)))
        self.loop.call_later(0.1, self._leak)


def main() -> int:
    manners = Manners.of(os.environ)
    if manners.exit_at_start is not None:
        say(f"shop v={manners.version}: reading the configuration")
        say("Traceback (most recent call last):")
        say("RuntimeError: told to exit at the start")
        return manners.exit_at_start

    async def serve() -> int:
        return await Shop(manners).run()

    return asyncio.run(serve())


if __name__ == "__main__":
    sys.exit(main())
