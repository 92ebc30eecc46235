"""The objects that programs get are those that the page shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from deployer.config.schema import Config
from deployer.edge.state import EdgeState, Occupant, Slot
from deployer.edge.statistics import Traffic
from deployer.host.lock import Holder
from deployer.rollout.result import Result
from deployer.rollout.situation import Member, Situation
from deployer.rollout.status import described

PAGE = Path(__file__).resolve().parents[3] / "docs" / "rollout.md"
CONFIG = Config.of({"service": {"name": "shop", "image": "shop:2", "port": 8080}})


def shown(command: str) -> Any:
    """The first object below the first mention of a command's `--json`."""
    _, _, below = PAGE.read_text().partition(command)
    found = re.search(r"^    (\{.*?\})\n\n", below, re.MULTILINE | re.DOTALL)
    assert found is not None
    return json.loads(found[1].replace(", ...]", "]"))


def keys(value: Any) -> Any:
    """Only the keys, and those of what is below them."""
    return {name: keys(below) for name, below in value.items()} if isinstance(value, dict) else None


def test_the_end_of_a_rollout() -> None:
    made = Result("r2", "shop:2", "blue-green").as_dict()
    example = shown("With `--json`")
    assert keys(example) == keys(made)
    assert [set(phase) for phase in example["phases"]] == [{"name", "seconds", "state"}]


def test_the_status() -> None:
    occupants: dict[Slot, Occupant] = {
        "green": Occupant("r2", "shop-r2", 8080, "/health"),
        "blue": Occupant("r1", "shop-r1", 8080, "/health"),
    }
    situation = Situation(
        edge="running",
        stored=EdgeState(active="green", standby="blue", warm_until=1e9, occupants=occupants),
        traffic={"green": Traffic(), "blue": Traffic()},
        members={
            item.container: Member(item.container, "release", item.release, "shop", "running", "no", 0, "")
            for item in occupants.values()
        },
        lock=Holder("deploy@ci", "prune", "2026-11-22T22:20:00+00:00"),
    )
    assert keys(shown("`deployer status --json`")) == keys(described(situation, CONFIG))
