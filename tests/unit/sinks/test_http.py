"""How an answer is judged, and that no reason repeats an address."""

from __future__ import annotations

import socket
import threading
import time
from email.utils import formatdate

import pytest

from deployer.errors import NotDelivered
from deployer.sinks.http import Answer, accepted, check_address, post, retry_after
from tests.support.names import free_port


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (400, False),
        (401, False),
        (404, False),
        (408, True),
        (429, True),
        (500, True),
        (503, True),
        (302, False),
    ],
)
def test_what_may_pass_is_tried_again(status: int, again: bool) -> None:
    with pytest.raises(NotDelivered, match=f"HTTP {status}") as raised:
        accepted(Answer(status, {}, b""))
    assert raised.value.again is again


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_taken(status: int) -> None:
    accepted(Answer(status, {}, b""))


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after({"Retry-After": "30"}) == 30
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert 50 < retry_after({"Retry-After": formatdate(time.time() + 60, usegmt=True)}) <= 60
    assert retry_after({"Retry-After": formatdate(time.time() - 60, usegmt=True)}) == 0
    assert [retry_after({"Retry-After": odd}) for odd in ("", "soon", "-5")] == [0, 0, 0]
    assert retry_after({}) == 0


def test_who_wants_an_hour_is_not_asked_again() -> None:
    with pytest.raises(NotDelivered) as raised:
        accepted(Answer(429, {"Retry-After": "3600"}, b""))
    assert (raised.value.again, raised.value.after) == (False, 3600)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "canary",
        "ftp://canary/",
        "https://",
        "http://[canary",
        "http://a:canary/",
        "https://a/b canary",
        "file:///x",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(NotDelivered) as raised:
        check_address(address, "webhook")
    assert "canary" not in raised.value.message


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/canary",
        "http://canary.invalid/canary",
        "http://canary:canary@127.0.0.1:{port}/canary",
        "http://127.0.0.1:{port}/canary\x7f",
        "https://127.0.0.1:{port}/canary",
    ],
)
def test_no_reason_repeats_an_address(address: str) -> None:
    with pytest.raises(NotDelivered) as raised:
        post(address.format(port=free_port()), b"{}", {}, timeout=5, environ={})
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_tls_that_is_none_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotDelivered, match=r"TLS failed|cuts the connection"):
            post(f"https://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, timeout=20, environ={})
        thread.join()
