"""A question over HTTP that nothing can answer."""

from __future__ import annotations

import pytest

from deployer.doctor.http import get
from tests.support.names import free_port


@pytest.mark.parametrize("url", ["http://a..b/", f"http://{'a' * 64}/", "http://127.0.0.1:99999/"])
def test_a_name_that_is_none_is_no_answer(url: str) -> None:
    found = get(url)
    assert found.code == 0
    assert found.said


def test_nor_is_a_port_where_nobody_listens() -> None:
    assert get(f"http://127.0.0.1:{free_port()}/").said == "ConnectionError"
