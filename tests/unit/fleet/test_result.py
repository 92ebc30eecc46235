"""What a command on several hosts says of each in the end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployer.config.load import load
from deployer.errors import FleetFailed, HostUnreachable, ReleaseFailed
from deployer.events import Event, ignore
from deployer.fleet import convergence, release
from deployer.fleet import result as results
from deployer.fleet.inventory import Fleet
from deployer.fleet.result import FleetResult

HOSTS = ", ".join(f"{{name: web{number}, address: 10.0.0.{number}}}" for number in range(1, 5))
CONFIG = f"service: {{name: shop, image: shop:1, port: 8080}}\nhosts: [{HOSTS}]\n"


def test_a_first_rollout_that_fails_on_one_host_says_which_serve_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    config = load(path, environ={})
    serving: dict[str, str | None] = {"web1": None, "web2": None, "web3": None, "web4": None}
    told: list[tuple[str, Event]] = []
    members: list[Any] = [
        SimpleNamespace(
            name=host.name, host=host, emit=lambda event, name=host.name: told.append((name, event))
        )
        for host in config.hosts
    ]

    def serves(member: Any) -> str | None:
        if member.name == "web4" and serving["web1"]:
            raise HostUnreachable("web4 is gone")
        return serving[member.name]

    for module in (convergence, release, results):
        monkeypatch.setattr(module, "serves", serves)

    def change(member: Any) -> Any:
        if member.name == "web2":
            raise ReleaseFailed("it dies")
        serving[member.name] = "r1"
        return SimpleNamespace(release="r1", as_dict=lambda: {"release": "r1"})

    result = FleetResult("r1", "shop:1", "rollout")
    with pytest.raises(FleetFailed) as caught:
        release._in_batches(Fleet(config, config.hosts, ignore, {}), members, change, result)
    assert "the hosts serve different releases" in caught.value.message
    assert result.outcome == "mixed"
    assert result.phases[-1]["state"] == "failed"
    said = caught.value.details
    assert said[-4:] == (
        "web1 serves r1",
        "web2 serves nothing",
        "web3 serves nothing",  # it was not begun with
        "web4: what it serves is not known",
    )
    assert any(name == "web1" and "none to go back to" in str(event) for name, event in told)
