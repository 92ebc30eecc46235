"""A rollout, said before it is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deployer.config.schema import Config
from deployer.edge.state import EdgeState, Occupant
from deployer.errors import ExitStatus
from deployer.host.engine import Engine, Inspect
from deployer.host.shell import Shell
from deployer.rollout import plan as plans
from deployer.rollout.plan import RolloutPlan, plan_rollout
from deployer.rollout.situation import Member, Situation
from deployer.rollout.strategy import choose_strategy

CONFIG = Config.of(
    {
        "service": {"name": "shop", "image": "shop:1", "port": 8080, "health": "/health"},
        "rollout": {
            "before": [{"name": "migrate", "command": ["./migrate", "up"]}],
            "smoke": [{"path": "/"}],
            "keep_warm": "10m",
        },
    }
)


def serving() -> Situation:
    member = Member("shop-r1", "release", "r1", "shop:1", "running", "always", 0, "")
    return Situation(
        edge="running",
        stored=EdgeState(active="green", occupants={"green": Occupant("r1", "shop-r1", 8080, "/health")}),
        live_active="green",
        members={"shop-r1": member},
    )


def test_the_first_rollout() -> None:
    plan = plan_rollout(CONFIG, Situation(edge="missing", stored=EdgeState()))
    assert plan.steps == (
        "use image shop:1",
        "make the network and the edge, listening on 0.0.0.0:8080",
        "run hook migrate in a one-off container: ./migrate up",
        "start the new release in slot blue",
        "wait up to 1m until GET /health passes the edge's check",
        "1 smoke check(s) over the preview route",
        "send new requests to it",
        "watch it for 3 s; back to the old one if it dies, is unready or answers 5xx",
    )


def test_a_later_rollout() -> None:
    plan = plan_rollout(CONFIG, serving(), image="shop:2")
    assert (plan.slot, plan.active, plan.image) == ("blue", "r1", "shop:2")
    assert plan.steps[-4:] == (
        "send new requests to it instead of r1",
        "drain r1: 30s for requests, 5m for streams",
        "watch it for 3 s; back to the old one if it dies, is unready or answers 5xx",
        "keep r1 warm for 10m",
    )


def test_an_image_that_has_to_come_from_a_registry() -> None:
    steps = plan_rollout(CONFIG, serving(), image="shop:9", missing=True).steps
    assert steps[0] == "pull image shop:9, which the engine does not have"


def test_a_held_recreate() -> None:
    steps = plan_rollout(CONFIG, serving(), strategy="recreate").steps
    assert "hold requests at the edge for up to 30s and stop r1" in steps


def test_a_host_that_is_too_small_for_two_gets_a_held_recreate() -> None:
    plan = plan_rollout(CONFIG, serving(), memory=(100, 200))
    assert plan.strategy == "recreate"
    assert "hold requests at the edge for up to 30s and stop r1" in plan.steps
    assert "memory is too short for two releases (100 B free, 200 B wanted)" in plan.text()
    assert plan_rollout(CONFIG, serving(), memory=(200, 200)).strategy == "blue-green"


class Cramped(Shell):
    """A shell on a host with a megabyte of memory and two of disk."""

    def __init__(self) -> None:
        pass

    def run(self, script: str, *, timeout: float = 30.0) -> tuple[int, str]:
        return 0, "MemAvailable:    1024 kB\nSwapFree:    0 kB\n2097152\n"


class Known(Engine):
    """An engine with the image, and without any network."""

    def __init__(self) -> None:
        pass

    def image(self, ref: str) -> Inspect | None:
        return {"Id": ref}

    def network(self, name: str) -> Inspect | None:
        return None


@pytest.fixture
def cramped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release serves on such a host."""

    def observe(engine: Engine, config: Config, also: Callable[[Shell], None]) -> Situation:
        also(Cramped())
        return serving()

    monkeypatch.setattr(plans, "observe", observe)


@pytest.mark.usefixtures("cramped")
def test_a_host_is_measured_where_an_edge_runs() -> None:
    def of(**rollout: object) -> RolloutPlan:
        service = {"name": "shop", "image": "shop:1", "port": 8080}
        return plans.plan(Known(), Config.of({"service": service, "rollout": rollout}))

    fits = of(memory_free="1m", disk_free="2m")
    assert (fits.strategy, fits.reason, fits.refusals) == ("blue-green", "", ())
    tight = of(memory_free="100t", disk_free="2m")
    assert tight.strategy == "recreate"
    assert "100 TB wanted" in tight.reason
    (refusal,) = of(memory_free="1m", disk_free="100t").refusals
    assert refusal.startswith("not enough disk for a rollout: 2 MB free")


@pytest.mark.usefixtures("cramped")
def test_what_a_release_would_lack_is_said() -> None:
    service = {
        "name": "shop",
        "image": "shop:1",
        "port": 8080,
        "env": {"TOKEN": "${env:TOKEN}"},
        "networks": ["database"],
    }
    config = Config.of({"service": service, "rollout": {"disk_free": "1m", "memory_free": "1m"}})
    without = plans.plan(Known(), config, {})
    assert without.refusals == (
        "service.env: 1 secret cannot be had: service.env.TOKEN: ${env:TOKEN} is not set in the environment",
    )
    assert without.exit_status == ExitStatus.CONFIG
    plan = plans.plan(Known(), config, {"TOKEN": "t"})
    assert plan.exit_status == ExitStatus.REFUSED
    assert plan.refusals == ("there is no network database on the engine (service.networks)",)
    assert f"it would be refused: {plan.refusals[0]}" in plan.text()


def test_two_releases_need_memory_for_two() -> None:
    assert choose_strategy(CONFIG, None, memory=100, needed=200, serving=True).strategy == "recreate"
    assert choose_strategy(CONFIG, None, memory=100, needed=200, serving=False).strategy == "blue-green"
    assert choose_strategy(CONFIG, None, memory=300, needed=200, serving=True).strategy == "blue-green"
    assert choose_strategy(CONFIG, "recreate", memory=300, needed=200, serving=True).reason == ""
