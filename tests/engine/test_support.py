"""What the engine's tests stand on cleans up after itself, after killed sessions, and after nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import yaml
from docker import DockerClient

from tests.support.engine import belongings, remove, sweep
from tests.support.names import abandoned, free_port, owner, service_name
from tests.support.project import Project


def occupy(client: DockerClient, service: str, image: str) -> None:
    """One of everything, some with the deployer's label and some with the name alone."""
    labels = {"deployer.service": service}
    client.networks.create(f"{service}-edge", labels=labels)
    client.containers.create(
        image,
        name=f"{service}-20260101-000000-abcdef",
        network=f"{service}-edge",
        volumes=[f"{service}-data:/data"],
    )
    client.containers.run(image, name=f"{service}-edge", labels=labels, detach=True)
    client.volumes.create(f"{service}-edge", labels=labels)
    client.images.get(image).tag(service, "0123456789ab")


@pytest.fixture
def name_of_the_dead(engine: DockerClient) -> Iterator[str]:
    """A service name made by a process that is gone."""
    code = "from tests.support.names import service_name; print(service_name())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    name = done.stdout.strip()
    yield name
    remove(engine, name)


def test_names_tell_whose_they_are(name_of_the_dead: str) -> None:
    mine = service_name()
    assert owner(mine) == os.getpid()
    assert not abandoned(mine)
    assert abandoned(name_of_the_dead)
    assert abandoned(f"{name_of_the_dead}-edge")
    assert owner("traefik") is owner("t1-abc") is owner("tea-1234567") is None
    assert len(mine) <= 31


def test_ports_are_not_given_twice() -> None:
    code = "from tests.support.names import free_port; print([free_port() for _ in range(5)])"
    mine = {free_port() for _ in range(5)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert mine.isdisjoint(yaml.safe_load(done.stdout))
    assert len(mine) == 5


def test_all_that_belongs_to_a_service_is_removed(engine: DockerClient, shop: str) -> None:
    service, other = service_name(), service_name()
    occupy(engine, service, shop)
    engine.volumes.create(f"{other}-data")
    try:
        kinds = sorted(item.kind for item in belongings(engine, service))
        assert kinds == ["container", "container", "image", "network", "volume", "volume"]
        remove(engine, service)
        assert belongings(engine, service) == []
        assert [item.name for item in belongings(engine, other)] == [f"{other}-data"]
    finally:
        remove(engine, service)
        remove(engine, other)
    assert shop in engine.images.get(shop).tags


def test_a_killed_session_is_swept_and_a_living_one_is_not(
    engine: DockerClient, shop: str, name_of_the_dead: str
) -> None:
    mine = service_name()
    occupy(engine, name_of_the_dead, shop)
    occupy(engine, mine, shop)
    try:
        before = {(item.kind, item.name) for item in belongings(engine, mine)}
        sweep(engine)
        assert belongings(engine, name_of_the_dead) == []
        assert {(item.kind, item.name) for item in belongings(engine, mine)} == before
    finally:
        remove(engine, mine)


def test_variants_differ_in_their_environment(engine: DockerClient, variant: Callable[..., str]) -> None:
    two = variant(V="2", BOOT_SECONDS="1.5")
    assert variant(BOOT_SECONDS="1.5", V="2") == two
    assert variant(V="3") != two
    environment = engine.images.get(two).attrs["Config"]["Env"]
    assert {"V=2", "BOOT_SECONDS=1.5"} <= set(environment)


def test_a_project_is_the_smallest_config(project: Project) -> None:
    config = yaml.safe_load(
        project.config(service={"env": {"V": "1"}}, rollout={"observe": "1s"}).read_text()
    )
    assert config == {
        "service": {
            "name": project.name,
            "image": config["service"]["image"],
            "port": 8080,
            "health": "/health",
            "env": {"V": "1"},
        },
        "edge": {"port": project.port},
        "rollout": {"observe": "1s"},
    }
    again = yaml.safe_load(project.config(rollout=None, service={"env": {"X": "2"}}).read_text())
    assert again["service"]["env"] == {"V": "1", "X": "2"}
    assert "rollout" not in again


def test_the_deployer_runs_in_the_project(project: Project) -> None:
    assert "rollout" in project.run("--help").stdout
    started = project.start("no-such-command")
    assert "no-such-command" in started.finish(expect=2)
    with pytest.raises(AssertionError, match="exit code 2, not 0"):
        project.run("no-such-command")
