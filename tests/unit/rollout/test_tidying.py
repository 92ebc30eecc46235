"""What is cleared away behind a rollout, and not without the lock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import pytest

from deployer.config.schema import Config
from deployer.edge.state import EdgeState, Occupant
from deployer.errors import LockLost
from deployer.events import Event, Warned
from deployer.host.engine import Engine
from deployer.image import prune as images
from deployer.rollout import commands, tidying
from deployer.rollout.operation import Operation
from deployer.rollout.release import Record
from deployer.rollout.situation import Member, Situation
from deployer.rollout.tidying import tidy
from deployer.rollout.work import Work

CONFIG = Config.of({"service": {"name": "shop", "image": "shop:1", "port": 8080}})


class Standing:
    """The work of a command, and the lock and the engine that it works with, all in one.

    :param checks: how many times the lock is still ours.
    """

    def __init__(self, checks: int = 99) -> None:
        self.checks = checks
        self.lock = self.engine = self
        self.service = "shop"
        self.state = EdgeState(active="green", occupants={"green": Occupant("r3", "shop-r3", 80, "/")})
        self.removed: list[str] = []
        self.told: list[Event] = []
        self.emit = self.told.append

    def history(self) -> tuple[Record, ...]:
        return ()

    def check(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise LockLost("the lock of shop was lost")

    def remove(self, name: str) -> None:
        self.removed.append(name)

    def containers(self, labels: dict[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "Names": [f"/shop-r{number}"],
                "State": "exited",
                "Labels": {**labels, "deployer.release": f"r{number}"},
            }
            for number in (1, 2, 3)
        ]

    def volumes(self, labels: dict[str, str]) -> list[dict[str, Any]]:
        return []


@pytest.mark.parametrize(
    ("checks", "removed", "warned"),
    [(99, ["shop-r1", "shop-r2"], 0), (1, ["shop-r1"], 1), (0, [], 1)],
)
def test_old_releases_are_removed_only_under_the_lock(checks: int, removed: list[str], warned: int) -> None:
    work = Standing(checks)
    tidy(cast(Work, work), keep_releases=0)
    assert work.removed == removed
    assert [type(event) for event in work.told] == [Warned] * warned


def test_images_are_pruned_only_under_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Standing(checks=0)

    @contextlib.contextmanager
    def changing(*_: object, **__: object) -> Iterator[Standing]:
        yield work

    pruned: list[object] = []
    monkeypatch.setattr(commands, "changing", changing)
    monkeypatch.setattr(commands, "anything_to_prune", lambda *_: True)
    monkeypatch.setattr(images, "prune", lambda *args, **_: pruned.append(args))
    with pytest.raises(LockLost):
        commands.prune(Operation(cast(Engine, work), CONFIG, work.emit))
    assert pruned == []


@pytest.mark.parametrize("served", [True, False])
def test_a_plan_knows_what_the_repairs_leave(monkeypatch: pytest.MonkeyPatch, served: bool) -> None:
    """A killed rollout's candidate, and one whose end was interrupted after it had left its slot."""

    def member(release: str) -> Member:
        return Member(
            f"shop-{release}", "release", release, "shop:1", "running", "no", 0, "2026-01-01T00:00:00+00:00"
        )

    def record(release: str) -> Record:
        return Record(
            release, "rollout", release, None, f"shop-{release}", "shop:1", "me", "2026", "succeeded"
        )

    blue, green = Occupant("r3", "shop-r3", 80, "/"), Occupant("r2", "shop-r2", 80, "/")
    found = Situation(
        edge="running",
        stored=EdgeState(active="blue", occupants={"blue": blue, "green": green}),
        live_active="blue",
        ready=frozenset(("blue", "green")),
        members={f"shop-{release}": member(release) for release in ("r1", "r2", "r3")},
        records=tuple(record(release) for release in ("r1", "r2", "r3") if served or release != "r2"),
    )
    without: list[str] = []

    def planned(*_: object, **options: Any) -> list[Any]:
        without.extend(options["without"])
        return []

    monkeypatch.setattr(tidying, "observe", lambda *_: found)
    monkeypatch.setattr(images, "plan", planned)
    plan = tidying.plan(cast(Engine, Running()), CONFIG, keep=0)
    assert len(plan.repairs) >= 2
    assert plan.containers == (("shop-r1", "shop-r2") if served else ("shop-r1",))
    assert sorted(without) == ["shop-r1", "shop-r2"]


class Running(Standing):
    """The same engine, on which all of them run."""

    def containers(self, labels: dict[str, str]) -> list[dict[str, Any]]:
        return [{**found, "State": "running"} for found in super().containers(labels)]
