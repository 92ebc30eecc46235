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
from deployer.rollout import commands
from deployer.rollout.operation import Operation
from deployer.rollout.release import Record
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
