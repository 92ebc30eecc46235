"""A proxy in front of a store that does to requests what networks and servers do to them.

    with FaultProxy(server.endpoint) as proxy:
        proxy.next("PUT", Fault.DONE_AND_500)     # what happens to the next PUT
        proxy.chance(0.2, seed=7)                 # and to every fifth request or so

Requests are signed for the proxy's own address, which the server then sees in Host, so signatures hold.
"""

from __future__ import annotations

import contextlib
import enum
import http.client
import random
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.names import free_port


class Fault(enum.Enum):
    """What happens to a request."""

    RESET = "the connection is reset before the server hears of it"
    DONE_AND_RESET = "the server does it, and then the connection is reset"
    SLOW_DOWN = "503 SlowDown"
    DONE_AND_500 = "the server does it, and then 500 InternalError is answered"
    TRUNCATED = "the server does it, and half of its answer arrives"
    GONE_IDLE = "the server does it and answers, and closes the connection without saying so"
    GATEWAY = "502, as a gateway says it: HTML"


_ERROR = '<?xml version="1.0"?>\n<Error><Code>{0}</Code><Message>by the test</Message></Error>'


class FaultProxy:
    """Answers in threads of this process until the block is left.

    :param delay: seconds that each request waits.
    :param certificate: PEM file with a certificate and its key; the proxy then speaks TLS.
    """

    def __init__(self, upstream: str, *, delay: float = 0.0, certificate: Path | None = None) -> None:
        self.delay = delay
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers (names in lower case) of all that came."""
        self.faults: list[Fault] = []
        """What has happened."""
        self._planned: list[tuple[str, str, Fault]] = []
        self._share = 0.0
        self._random = random.Random(0)
        self._lock = threading.Lock()
        parts = urlsplit(upstream)
        proxy, address = self, (parts.hostname or "", parts.port or 80)

        class Handler(_Handler):
            faults, upstream = proxy, address

        self._server = _Server(("127.0.0.1", free_port()), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.endpoint = f"https://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next(self, method: str, *faults: Fault, path: str = "") -> None:
        """What happens to the next requests of a method whose path holds a text, one after the other."""
        with self._lock:
            self._planned += [(method, path, fault) for fault in faults]

    def chance(self, share: float, seed: int = 0) -> None:
        """Something happens to this share of all further requests."""
        with self._lock:
            self._share, self._random = share, random.Random(seed)

    def fate(self, method: str, path: str, headers: dict[str, str]) -> Fault | None:
        """What happens to a request that has come."""
        with self._lock:
            self.requests.append((method, path, headers))
            fault = None
            for index, (wanted, part, planned) in enumerate(self._planned):
                if wanted == method and part in path:
                    fault = planned
                    del self._planned[index]
                    break
            else:
                if self._random.random() < self._share:
                    fault = self._random.choice(list(Fault))
            if fault is not None:
                self.faults.append(fault)
            return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up, here more than elsewhere."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    faults: FaultProxy
    upstream: tuple[str, int]
    _connection: http.client.HTTPConnection | None = None

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.faults.fate(self.command, self.path, headers)
        if self.faults.delay:
            time.sleep(self.faults.delay)
        if fault is Fault.RESET:
            self._reset()
        elif fault is Fault.SLOW_DOWN:
            self._say(503, _ERROR.format("SlowDown").encode())
        elif fault is Fault.GATEWAY:
            self._say(502, b"<html><body>Bad Gateway</body></html>")
        else:
            self._forward(body, fault)

    def _forward(self, body: bytes, fault: Fault | None) -> None:
        answer = self._ask(body)
        content = answer.read()
        if fault is Fault.DONE_AND_RESET:
            self._reset()
        elif fault is Fault.DONE_AND_500:
            self._say(500, _ERROR.format("InternalError").encode())
        elif fault is Fault.TRUNCATED:
            head = self._head(answer, content)
            self.wfile.write((head + content)[: len(head) + len(content) // 2 if content else len(head) // 2])
            self._close()
        else:
            self.wfile.write(self._head(answer, content) + content)
            if fault is Fault.GONE_IDLE:
                self._close()

    def _ask(self, body: bytes) -> http.client.HTTPResponse:
        for fresh in (False, True):
            if self._connection is None or fresh:
                self._connection = http.client.HTTPConnection(*self.upstream, timeout=60)
            try:
                self._connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in self.headers.items():
                    self._connection.putheader(name, value)
                self._connection.endheaders(body or None)
                return self._connection.getresponse()
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if fresh:
                    raise
        raise AssertionError("unreachable")

    def _head(self, answer: http.client.HTTPResponse, content: bytes) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [
            f"{name}: {value}"
            for name, value in answer.getheaders()
            if name.lower() not in ("transfer-encoding", "content-length", "connection")
        ]
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _say(self, status: int, content: bytes) -> None:
        head = f"HTTP/1.1 {status} By the test\r\nDate: {self.date_time_string()}\r\n"
        if self.command == "HEAD":
            content = b""
        self.wfile.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)

    def _reset(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close()

    def _close(self) -> None:
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        if self._connection is not None:
            self._connection.close()
        with contextlib.suppress(OSError, ValueError):
            super().finish()
