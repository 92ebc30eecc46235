"""A body that does not arrive in time is given up, on a real connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from flask import Request
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader
from werkzeug.test import EnvironBuilder

from app import arrival
from app.problems import Problem


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with server, client:
        yield server, client


def request(server: socket.socket, length: int) -> Request:
    """A POST of so many bytes, as gunicorn hands it over."""
    environ = EnvironBuilder(method="POST", content_type="application/json").get_environ()
    return Request(
        environ
        | {
            "gunicorn.socket": server,
            "wsgi.input": Body(LengthReader(SocketUnreader(server), length)),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": str(length),
        }
    )


def test_one_that_comes_too_slowly_is_given_up(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "PATIENCE", 0.2)
    server, client = ends
    client.sendall(b"{")
    asked = request(server, 1000)
    with pytest.raises(Problem) as refused, arrival.in_time(asked, 1000):
        asked.get_data()  # ends with what came
    assert (refused.value.status, refused.value.code) == (408, "too-slow")
    server.sendall(b"too slow")  # which can still be told
    assert client.recv(100) == b"too slow"


def test_one_that_is_there_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    client.sendall(b"{}")
    asked = request(server, 2)
    with arrival.in_time(asked, 1000):
        assert asked.get_data() == b"{}"


def test_one_that_breaks_off_is_another_matter(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    client.sendall(b"{")
    client.close()
    asked = request(server, 2)
    with arrival.in_time(asked, 1000):
        assert asked.get_data() == b"{"


def test_a_large_one_has_longer() -> None:
    assert arrival.PATIENCE + 6 * 2**20 / arrival.SLOWEST > 100
