"""Speaking the version of the API that the engine speaks: too new a client is refused, and too old a one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployer.errors import EngineError
from deployer.host.engine import Engine


class Picky(BaseHTTPRequestHandler):
    """An engine that speaks exactly one version, and refuses others as Docker does."""

    version = "1.52"

    def do_GET(self) -> None:
        if self.path == "/_ping":
            self.answer(200, "OK")
        elif self.path.startswith(f"/v{self.version}/"):
            self.answer(200, json.dumps({"path": self.path}))
        else:
            self.answer(400, json.dumps({"message": "client version is too old"}))

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Api-Version", self.version)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the library's
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Picky) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_speaks_the_version_of_the_engine(address: str) -> None:
    engine = Engine(address)
    try:
        found = engine.container("shop")
    finally:
        engine.close()
    assert found == {"path": "/v1.52/containers/shop/json"}


def test_something_else_that_answers_there_is_no_engine(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picky, "do_GET", lambda self: self.answer(404, "no such page"))
    with pytest.raises(EngineError, match="404"):
        Engine(address)


@pytest.mark.parametrize(("processes", "size"), [("null", 0), ('[["1", "40"], ["7", "2"]]', 42 * 1024)])
def test_a_container_that_has_just_ended_has_nothing_in_memory(
    address: str, monkeypatch: pytest.MonkeyPatch, processes: str, size: int
) -> None:
    def answer(handler: Picky) -> None:
        text = "OK" if handler.path == "/_ping" else f'{{"Titles": ["PID", "RSS"], "Processes": {processes}}}'
        handler.answer(200, text)

    monkeypatch.setattr(Picky, "do_GET", answer)
    engine = Engine(address)
    try:
        assert engine.resident("shop") == size
    finally:
        engine.close()
