"""What a command on several hosts says of each in the end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployer.config.load import load
from deployer.errors import FleetFailed, HostUnreachable, ReleaseFailed, unforeseen
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


def test_where_one_could_not_be_reached_the_reason_is_told_and_not_that_the_others_differ() -> None:
    result = FleetResult("", "", "recover")
    lost = HostUnreachable("web3: no SSH server answers", remedy="start it")
    result.hosts = {
        "web1": {"serves": "r1"},
        "web2": {"serves": "r1"},
        "web3": {**results.error_of(lost), "serves": None, "unknown": True},
    }
    results.judge(result)
    told = results.failed(result, "not every host could be put right")
    assert told.message == "not every host could be put right; the others serve one release"
    assert told.remedy == "see to web3, then run `deployer recover`"
    assert told.details[:2] == ("web3: no SSH server answers", "  web3 -> start it")
    result.hosts["web2"] = {"serves": "r2"}
    told = results.failed(result, "not every host could be put right")
    assert told.message.endswith("the hosts serve different releases")


def test_what_nobody_foresaw_takes_the_hosts_along() -> None:
    result = FleetResult("r1", "shop:1", "rollout", hosts={"web1": {"serves": "r1"}})
    with pytest.raises(KeyError) as caught, results.timed(result):
        raise KeyError("nobody thought of this")
    told = unforeseen(caught.value).result
    assert told is not None
    assert (told["release"], told["hosts"]) == ("r1", {"web1": {"serves": "r1"}})
