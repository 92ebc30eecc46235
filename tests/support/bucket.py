"""A stand-in for a bucket that answers as a test tells it, and says what it was asked.

For what a real store does not do at will: failing, redirecting, naming itself. What a store really does is
tested with a real one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.support.names import free_port


@dataclass(frozen=True)
class Answer:
    """What the bucket answers to GET; headers as S3 would send them."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"content"


@dataclass
class Bucket:
    """Answers on 127.0.0.1.

    :ivar answers: by path, as asked; a list is answered one by one, its last for ever.
    :ivar asked: the paths that were asked for, exactly as they arrived.
    :ivar headers: of the last request, names in lower case.
    """

    port: int = field(default_factory=free_port)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                bucket.asked.append(self.path)
                bucket.headers = {name.lower(): value for name, value in self.headers.items()}
                script = bucket.answers.get(self.path) or [Answer()]
                answer = script.pop(0) if len(script) > 1 else script[0]
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD" and answer.status != 304:
                    self.wfile.write(answer.body)

            do_HEAD = do_GET  # noqa: N815 - as the library looks it up

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """An edge that goes resets its idle connections; that is no news."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
