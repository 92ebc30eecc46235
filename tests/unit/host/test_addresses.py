"""Addresses of engines at which none can be."""

from __future__ import annotations

import pytest

from deployer.errors import EngineUnreachable
from deployer.host.engine import Engine


@pytest.mark.parametrize(
    "address", ["tcp://a..b:3", "tcp://127.0.0.1:99999", "unix:///nowhere.sock", "ssh://admin@host"]
)
def test_they_are_unreachable_and_no_fault_of_the_deployer(address: str) -> None:
    with pytest.raises(EngineUnreachable) as caught:
        Engine(address, {})
    assert caught.value.remedy
    assert ("`hosts`" in caught.value.remedy) == address.startswith("ssh")
