"""A host without room, found out before anything is touched."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer.config.schema import Config
from deployer.errors import ConfigError, EngineError, ImageMissing, PreflightError
from deployer.host.engine import Engine, Inspect
from deployer.rollout.commands import rollout
from deployer.rollout.operation import Operation
from deployer.rollout.preflight import check_needs, disk_here


class Empty(Engine):
    """An engine that has nothing yet, and builds and pulls nothing.

    :param root: where it keeps its data. :param name: of its host.
    """

    def __init__(self, root: Path, *, name: str = "", address: str = "unix:///run/docker.sock") -> None:
        self.address = address
        self.told = {"DockerRootDir": str(root), "Name": name or socket.gethostname()}
        self._dial = None
        self.asked: list[str] = []

    def info(self) -> Inspect:
        return self.told

    def container(self, name: str) -> Inspect | None:
        return None

    def image(self, ref: str) -> Inspect | None:
        return None

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        raise AssertionError(name)

    def build(self, context: Any, **options: Any) -> Iterator[Inspect]:
        self.asked.append(f"build {options['tag']}")
        raise EngineError("no space left on device")

    def pull(self, repository: str, tag: str | None) -> Iterator[Inspect]:
        self.asked.append(f"pull {repository}")
        raise EngineError("no space left on device")


def config(**edge: Any) -> Config:
    return Config.of(
        {
            "service": {"name": "shop", "image": "shop:1", "port": 8080},
            "rollout": {"disk_free": "100t"},
            "edge": edge,
        }
    )


@pytest.mark.parametrize("edge", [{}, {"base": "own/base:1"}, {"image": "own/edge:1"}])
def test_too_little_disk_is_found_out_before_the_edges_image_is_made(
    tmp_path: Path, edge: dict[str, str]
) -> None:
    engine = Empty(tmp_path)
    with pytest.raises(PreflightError, match=r"100 T.*wanted") as refused:
        rollout(Operation(engine, config(**edge), lambda _: None))
    assert refused.value.exit_status == 6
    assert engine.asked == []


@pytest.mark.parametrize(
    "elsewhere", [{"name": "another"}, {"address": "tcp://10.0.0.5:2375"}, {"root": Path("/nowhere/docker")}]
)
def test_a_disk_that_cannot_be_seen_from_here_is_not_judged_from_here(
    tmp_path: Path, elsewhere: dict[str, Any]
) -> None:
    engine = Empty(**{"root": tmp_path, **elsewhere})
    assert disk_here(engine) is None
    with pytest.raises(ImageMissing):
        rollout(Operation(engine, config(image="own/edge:1"), lambda _: None))
    assert engine.asked == ["pull own/edge:1"]


def test_secrets_that_hooks_lack_are_told_by_their_keys_and_all_at_once(tmp_path: Path) -> None:
    hook = {"command": ["true"]}
    made = Config.of(
        {
            "service": {"name": "shop", "image": "shop:1", "port": 8080, "env": {"KEY": "${env:KEY}"}},
            "rollout": {
                "before": [
                    {"name": "one", **hook, "env": {"A": "${env:A}"}},
                    {"name": "two", **hook, "env": {"B": "${env:B}"}},
                ],
                "after": [{"name": "three", **hook, "env": {"C": "${env:C}"}}],
            },
        }
    )
    with pytest.raises(ConfigError, match="3 secrets") as caught:
        check_needs(Empty(tmp_path), made, {"A": "a"})
    assert [line.partition(": ")[0] for line in caught.value.details] == [
        "service.env.KEY",
        "rollout.before[1].env.B",
        "rollout.after[0].env.C",
    ]
