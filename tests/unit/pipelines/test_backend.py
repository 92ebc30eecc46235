"""Where the back end's pipeline deploys to."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.errors import HostUnreachable
from pipelines import backend
from pipelines.files import files_of
from pipelines.job import Job
from pipelines.parameters import Parameters
from tests.support import names

SHOP = {"service": {"name": "shop", "image": "shop:1", "port": 8080}}
HOST = {"name": "web1", "address": "10.0.0.11"}


def deploying(config: Config, back: str | None = None) -> list[str]:
    """The modules and names of what the last two stages do."""
    stages = backend.pipeline(config, Parameters(rollback_to=back)).stages[-2:]
    return [f"{stage.does.__module__}.{stage.does.__name__}" for stage in stages]


def test_a_config_with_hosts_is_deployed_to_them_and_never_to_the_engine_beside_it() -> None:
    here, there = Config.of(SHOP), Config.of({**SHOP, "hosts": [HOST]})
    assert deploying(here) == ["pipelines.backend.redeploy", "pipelines.backend.prune"]
    assert deploying(there) == ["pipelines.hosts.redeploy", "pipelines.hosts.prune"]
    assert deploying(there, "r1") == ["pipelines.hosts.go_back", "pipelines.hosts.prune"]


def test_another_host_is_another_deployment() -> None:
    found = []
    for address in ("10.0.0.11", "10.0.0.12"):
        config = Config.of({**SHOP, "hosts": [{**HOST, "address": address}]})
        job = Job(config, Parameters(), {}, lambda _: None, files_of(config, "backend"))
        found.append(backend.deployment(job).settings)
    assert found[0] != found[1]


def test_a_host_that_cannot_be_reached_is_named_and_nothing_is_skipped_for_it(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "service: {name: shop, image: 'shop:1', port: 8080}\n"
        f"hosts: [{{name: web1, address: 127.0.0.1, port: {names.free_port()}}}]\n"
    )
    config = load(path, environ={})
    job = Job(config, Parameters(), {}, lambda _: None, files_of(config, "backend"), {"image": "shop:1"})
    gone = backend.deployment(job).gone(job, {"release": "r1"})
    assert gone.startswith("web1: ")
    assert not gone.startswith("web1: web1")
    for stage in backend.pipeline(config, Parameters()).stages[-2:]:
        with pytest.raises(HostUnreachable, match="web1"):
            stage.does(job)
