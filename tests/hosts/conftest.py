"""What tests on hosts of their own are given.

engine      a client of this machine's engine
hosts       three hosts with SSH and an engine, for all tests of a process
fleet       a folder whose config names them, with a service of its own
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import docker
import pytest
import yaml
from docker import DockerClient

from deployer.config.load import load
from deployer.events import ignore
from deployer.host.engine import Engine
from deployer.image.edge import edge_image
from tests.support import engine as support
from tests.support import images, names, nursery
from tests.support.line import Line
from tests.support.machines import Host, known_hosts, machines


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    client = docker.from_env(timeout=120)
    support.sweep(client)
    yield client
    images.remove_variants(client)
    client.close()


@pytest.fixture(scope="session")
def hosts(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    folder = tmp_path_factory.mktemp("hosts")
    shop = images.shop(engine)
    with machines(engine, 3, folder) as made:
        config = folder / "config.yaml"
        config.write_text("service: {name: shop, image: shop:1, port: 8080}")
        local = Engine()
        edge = edge_image(local, load(config, environ={}), ignore)
        local.close()
        # Sending them whole is one test's business; here it would only take time.
        made[0].load(engine, shop, edge)
        made[1].load(engine, shop, edge)
        made[2].load(engine, shop, edge)
        yield made


class Fleet:
    """A folder with a config that names hosts, in which the deployer is run."""

    def __init__(self, folder: Path, hosts: list[Host]) -> None:
        self.folder = folder
        self.hosts = hosts
        self.service = names.service_name()
        self.port = names.free_port()
        (folder / "known_hosts").write_text(known_hosts(hosts))
        self.settings: dict[str, Any] = {
            "service": {
                "name": self.service,
                "image": "deployer-test/shop:1",
                "port": 8080,
                "health": "/health",
            },
            "edge": {"port": self.port},
            "rollout": {"observe": "0s", "ready_timeout": "20s", "disk_free": "100m", "drain": "5s"},
            "ssh": {"key": str(hosts[0].key), "known_hosts": "known_hosts"},
            "hosts": [host.config() for host in hosts],
        }
        self.write()

    def write(self) -> None:
        """config.yaml as `settings` has it."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.settings))

    def reach_through(self, number: int, line: Line) -> None:
        """Let a host be reached through a line from here."""
        host = self.hosts[number]
        with (self.folder / "known_hosts").open("a") as file:
            file.write(f"[127.0.0.1]:{line.port} {' '.join(host.public_key.split()[:2])}\n")
        self.settings["hosts"][number] |= {"address": "127.0.0.1", "port": line.port}
        self.write()

    @property
    def names(self) -> list[str]:
        return [entry["name"] for entry in self.settings["hosts"]]

    def urls(self) -> list[str]:
        return [f"http://{host.address}:{self.port}" for host in self.hosts]

    @property
    def environment(self) -> Mapping[str, str]:
        return {**os.environ, "PYTHONPATH": str(images.ROOT)}

    def run(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = nursery.run("deployer", words, cwd=self.folder, env=self.environment, timeout=240)
        assert expect is None or done.returncode == expect, (
            f"`deployer {' '.join(words)}`: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def json(self, *words: str, expect: int | None = 0) -> dict[str, Any]:
        out = self.run(*words, "--json", expect=expect).stdout.strip().splitlines()[-1]
        return cast(dict[str, Any], json.loads(out))

    def serving(self) -> list[str | None]:
        """The release that each host serves."""
        found = self.json("status")["hosts"]
        return [(found[name].get("active") or {}).get("release") for name in self.names]

    def leftovers(self) -> list[str]:
        """What there should not be on the hosts: locks, hooks, candidates, what needs to be put right."""
        found = []
        for name, status in self.json("status")["hosts"].items():
            found += [f"{name}: {need}" for need in status["recovery_needed"]]
            found += [f"{name}: {key} {status[key]}" for key in ("candidate", "lock") if status[key]]
        for host in self.hosts:
            listed = host.docker("ps -a --format '{{.Names}} {{.Status}}'").splitlines()
            found += [f"{host.name}: {line}" for line in listed if "lock" in line or "Created" in line]
        return found

    def remove(self) -> None:
        for host in self.hosts:
            host.run(
                f"docker ps -aq --filter name={self.service} | xargs -r docker rm -fv; "
                f"docker network rm {self.service} {self.service}-net; "
                f"docker volume ls -q --filter name={self.service} | xargs -r docker volume rm",
                check=False,
            )


@pytest.fixture
def fleet(tmp_path: Path, hosts: list[Host]) -> Iterator[Fleet]:
    made = Fleet(tmp_path, hosts)
    yield made
    made.remove()
