"""SSH without the package that speaks it."""

from __future__ import annotations

import importlib.util

import pytest

from deployer.errors import HostError
from deployer.host.ssh import Connection, offered_key
from deployer.host.target import Target


@pytest.mark.parametrize("reach", [Connection, offered_key])
def test_who_has_no_paramiko_is_told_what_to_install(
    reach: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(HostError, match="paramiko") as caught:
        reach(Target("web1", "127.0.0.1"))
    assert "deployer[ssh]" in (caught.value.remedy or "")
