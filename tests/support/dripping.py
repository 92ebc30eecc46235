"""A server that never comes to an end: a byte of its answer now and then, until it is hung up on.

with dripping() as server:
    get(server.url)             # a body that drips; server.url + "headers": headers that do
    assert server.left.wait(30)
"""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Dripping:
    """
    :ivar left: whoever asked has hung up.
    :ivar over: the test is; nobody is waited for any longer.
    """

    url: str = ""
    left: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def dripping() -> Iterator[Dripping]:
    """The server, while it listens."""
    state = Dripping()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.flush_headers()
            if self.path != "/headers":
                self.end_headers()
            try:
                while not state.over.wait(0.01):
                    self.wfile.write(b"x")
            except OSError:
                state.left.set()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield state
        state.over.set()
        server.shutdown()
