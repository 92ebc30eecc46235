"""A question over HTTP that nothing answers, or that is answered without an end."""

from __future__ import annotations

import pytest

from deployer.doctor import http
from deployer.doctor.http import get
from tests.support.dripping import dripping
from tests.support.names import free_port


@pytest.mark.parametrize("url", ["http://a..b/", f"http://{'a' * 64}/", "http://127.0.0.1:99999/"])
def test_a_name_that_is_none_is_no_answer(url: str) -> None:
    found = get(url)
    assert found.code == 0
    assert found.said


def test_nor_is_a_port_where_nobody_listens() -> None:
    assert get(f"http://127.0.0.1:{free_port()}/").said == "ConnectionError"


def test_a_body_without_an_end_is_no_answer_and_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TOTAL", 0.2)
    with dripping() as server:
        found = get(server.url)
        assert (found.code, found.said) == (0, "no end within 0 s")
        assert server.left.wait(30)


def test_nor_are_headers_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TOTAL", 0.2)
    with dripping() as server:
        assert get(f"{server.url}headers").code == 0


def test_for_the_status_alone_the_body_is_not_waited_for() -> None:
    with dripping() as server:
        assert get(server.url, most=0).code == 200
        assert server.left.wait(30)
