"""A rollout, said before it is done."""

from __future__ import annotations

from deployer.config.schema import Config
from deployer.edge.state import EdgeState, Occupant
from deployer.rollout.plan import plan_rollout
from deployer.rollout.run import choose_strategy
from deployer.rollout.situation import Member, Situation

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


def test_two_releases_need_memory_for_two() -> None:
    assert choose_strategy(CONFIG, None, memory=100, needed=200, serving=True).strategy == "recreate"
    assert choose_strategy(CONFIG, None, memory=100, needed=200, serving=False).strategy == "blue-green"
    assert choose_strategy(CONFIG, None, memory=300, needed=200, serving=True).strategy == "blue-green"
    assert choose_strategy(CONFIG, "recreate", memory=300, needed=200, serving=True).reason == ""
