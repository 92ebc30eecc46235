"""What tests on hosts of their own are given.

engine      a client of this machine's engine
hosts       three hosts with SSH and an engine, for all tests of a process
fleet       a folder whose config names them, with a service that all of them serve
releases    images of that service: another one, and the one that was rolled out at first
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import docker
import pytest
import yaml
from docker import DockerClient

from benchmarks.load import Load, Mix
from deployer.config.schema import Config
from deployer.events import ignore
from deployer.host.engine import Engine
from deployer.image.edge import edge_image
from tests.support import engine as support
from tests.support import images, names, nursery
from tests.support.line import Line
from tests.support.machines import Host, known_hosts, machines
from tests.support.scale import SOAK, USUAL


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
    config = Config.of({"service": {"name": "shop", "image": "shop:1", "port": 8080}})
    with contextlib.closing(Engine()) as local:
        edge = edge_image(local, config, ignore)
    # Sending them whole is one test's business; here it would only take time.
    with machines(engine, 3, folder, loaded=(shop, "deployer-test/shop:1", edge)) as made:
        yield made


GENTLE = (
    USUAL if SOAK else Mix(keepalive=2, oneshot=1, post=1, pausing=1, slow=0, stream=0, upload=0, rate=20.0)
)
"""Load for three hosts on one machine."""


class Fleet:
    """A folder with a config that names hosts, in which the deployer is run."""

    def __init__(self, folder: Path, hosts: list[Host]) -> None:
        self.folder = folder
        self.hosts = hosts
        self.service = names.service_name()
        self.port = names.free_port()
        self.extra: dict[str, str] = {}
        """Variables that the deployer is given beside this process's own."""
        (folder / "known_hosts").write_text(known_hosts(hosts))
        self.settings: dict[str, Any] = {
            "service": {
                "name": self.service,
                "image": "deployer-test/shop:1",
                "port": 8080,
                "health": "/health",
                "volumes": [f"{self.service}-data:/data"],  # orders outlive a release
            },
            "edge": {"port": self.port},
            "rollout": {"observe": "0s", "ready_timeout": "20s", "disk_free": "100m", "drain": "5s"},
            # For so long a host may be silent.
            "ssh": {"key": str(hosts[0].key), "known_hosts": "known_hosts", "timeout": "5s"},
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
        return {**os.environ, "PYTHONPATH": str(images.ROOT), **self.extra}

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
        return self._serving(self.json("status")["hosts"])

    def _serving(self, found: Mapping[str, Any]) -> list[str | None]:
        return [(found[name].get("active") or {}).get("release") for name in self.names]

    def leftovers(self, found: Mapping[str, Any]) -> list[str]:
        """What there should not be on the hosts: locks, hooks, candidates, what needs to be put right.

        :param found: what `status --json` says of each host
        """
        left = []
        for name, status in found.items():
            left += [f"{name}: {need}" for need in status["recovery_needed"]]
            left += [f"{name}: {key} {status[key]}" for key in ("candidate", "lock") if status[key]]

        def listed(host: Host) -> list[str]:
            lines = host.docker("ps -a --format '{{.Names}} {{.Status}}'").splitlines()
            return [f"{host.name}: {line}" for line in lines if "lock" in line or "Created" in line]

        with ThreadPoolExecutor() as pool:
            return left + [line for lines in pool.map(listed, self.hosts) for line in lines]

    def one_version(self, said: object) -> str:
        """The release that all serve, with nothing left over; `said` is for whoever reads a failure."""
        found = self.json("status")["hosts"]
        serving = self._serving(found)
        assert len(set(serving)) == 1, f"{serving}\n{said}"
        assert self.leftovers(found) == [], said
        assert serving[0] is not None, said
        return serving[0]

    @contextlib.contextmanager
    def under_load(self, mix: Mix = GENTLE) -> Iterator[list[Load]]:
        """Load on each host; at the end nothing may have been lost."""
        with contextlib.ExitStack() as running:
            loads = [running.enter_context(Load(url, mix)) for url in self.urls()]
            for load in loads:
                load.wait_for_more(20)
            yield loads
            for load in loads:
                load.wait_for_more(20)
        for load in loads:
            report = load.report()
            assert report.clean, report.summary()

    def struck(self, how: str, strike: int, *words: str) -> tuple[bool, subprocess.CompletedProcess[str]]:
        """Whether an accident happened before a command's n-th effect (`tests.support.crash`); its end."""
        arguments = [how, str(strike), *words]
        done = nursery.run(
            "tests.support.crash", arguments, cwd=self.folder, env=self.environment, timeout=240
        )
        return f"effect {strike} " in done.stderr, done

    def remove(self) -> None:
        for host in self.hosts:
            host.run(
                f"docker ps -aq --filter name={self.service} | xargs -r docker rm -fv; "
                f"docker network rm {self.service} {self.service}-net; "
                f"docker volume ls -q --filter name={self.service} | xargs -r docker volume rm",
                check=False,
            )


@pytest.fixture(scope="session")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, hosts: list[Host], engine: DockerClient
) -> Iterator[tuple[Fleet, list[str]]]:
    """One release on every host: tests begin with one, and end so."""
    made = Fleet(tmp_path_factory.mktemp("fleet"), hosts)
    found = [images.variant(engine, V="1"), images.variant(engine, V="2")]
    made.run("rollout", "--image", found[1], "--set", "rollout.batch=3")
    yield made, found
    made.remove()


@pytest.fixture
def fleet(deployed: tuple[Fleet, list[str]], request: pytest.FixtureRequest) -> Iterator[Fleet]:
    made, failures = deployed[0], request.session.testsfailed
    known, settings = (made.folder / "known_hosts").read_text(), copy.deepcopy(made.settings)
    yield made
    made.settings = settings
    made.extra.clear()
    (made.folder / "known_hosts").write_text(known)
    made.write()
    if request.session.testsfailed > failures:  # the next one shall not fail for that
        made.run("recover", "--lock-wait", "30s", expect=None)


@pytest.fixture
def releases(deployed: tuple[Fleet, list[str]]) -> list[str]:
    return deployed[1]
