"""A folder with a config.yaml, in which the deployer is run as a person would run it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from docker import DockerClient

from tests.support import engine, names, nursery
from tests.support.images import ROOT


class Started(nursery.Process):
    """A deployer that runs; its output goes to files, so that it never waits for a reader."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        stem = folder / f"started-{os.urandom(4).hex()}"
        self.out, self.err = stem.with_suffix(".out"), stem.with_suffix(".err")
        with self.out.open("w") as out, self.err.open("w") as err:
            super().__init__("deployer", arguments, cwd=folder, env=environment, stdout=out, stderr=err)

    @property
    def said(self) -> str:
        """All it has written so far, standard output first."""
        return self.out.read_text() + self.err.read_text()

    def finish(self, expect: int | None = 0, timeout: float = 120.0) -> str:
        """Waits for its end, checks the exit code (None: any), and gives what it said."""
        code = self.wait(timeout)
        assert expect is None or code == expect, f"exit code {code}, not {expect}:\n{self.said}"
        return self.said


class Project:
    """A service of its own, on a port of its own, with nothing of it on the engine before or after.

    :param client: the engine, for looking and cleaning up
    :param image: the image that config.yaml names
    """

    def __init__(self, client: DockerClient, folder: Path, image: str) -> None:
        self.client = client
        self.folder = folder
        self.name = names.service_name()
        self.port = names.free_port()
        self.last = ""
        self._started: list[Started] = []
        self._served: set[str] = set()
        self._image = image
        self.reset()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """config.yaml as it was at first, the smallest there is."""
        self._config: dict[str, Any] = {
            "service": {"name": self.name, "image": self._image, "port": 8080, "health": "/health"},
            "edge": {"port": self.port},
        }
        self.config()

    def config(self, **changes: Any) -> Path:
        """Merges sections into config.yaml (`service={"env": {...}}`), writes it and gives its path.

        Mappings are merged, key by key; a value of None removes its key; all else is replaced.
        """
        self._config = _merged(self._config, changes)
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self._config, sort_keys=False))
        return path

    def keep_orders(self) -> None:
        """Gives the service a named volume at /data, so that orders outlive a release."""
        self.config(service={"volumes": [f"{self.name}-data:/data"]})

    def run(
        self,
        *arguments: str,
        expect: int | None = 0,
        timeout: float = 120.0,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """`python -m deployer ARGUMENTS` in the folder, to its end; checks the exit code (None: any)."""
        done = nursery.run(
            "deployer",
            arguments,
            cwd=self.folder,
            env=self.environment(env),
            given=stdin,
            timeout=timeout,
        )
        assert expect is None or done.returncode == expect, (
            f"`deployer {' '.join(arguments)}`: exit code {done.returncode}, not {expect}\n"
            f"{done.stdout}{done.stderr}"
        )
        return done

    def pipeline(
        self, *arguments: str, expect: int | None = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`python -m pipelines ARGUMENTS` in the folder, to its end; checks the exit code (None: any)."""
        done = nursery.run("pipelines", arguments, cwd=self.folder, env=self.environment(env))
        assert expect is None or done.returncode == expect, (
            f"`pipelines {' '.join(arguments)}`: exit code {done.returncode}, not {expect}\n"
            f"{done.stdout}{done.stderr}"
        )
        return done

    def json(self, *arguments: str, expect: int | None = 0, timeout: float = 120.0) -> dict[str, Any]:
        """The object with which `--json` ends: the last line, or all of the output."""
        out = self.run(*arguments, "--json", expect=expect, timeout=timeout).stdout.strip()
        try:
            return cast(dict[str, Any], json.loads(out))
        except ValueError:
            return cast(dict[str, Any], json.loads(out.splitlines()[-1]))

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> Started:
        """`python -m deployer ARGUMENTS` in the folder, in the background; killed at the end of the test."""
        started = Started(arguments, self.folder, self.environment(env))
        self._started.append(started)
        return started

    def status(self) -> dict[str, Any]:
        """`status --json`."""
        return self.json("status")

    def leftovers(self, *, allow: tuple[str, ...] = ()) -> list[str]:
        """What a service at rest should not have on the engine; empty where all is well.

        At rest it has the edge's container, network and volume, the volumes that config.yaml names, the
        containers of the active and the previous release, stopped ones of releases that served before, and
        images. A lock, a hook, a candidate, any other running release is left over.

        :param allow: further names that may be there
        """
        status = self.status()
        edge = f"{self.name}-edge"
        expected = {edge, *allow}
        for volume in self._config["service"].get("volumes") or ():
            expected.add(volume.split(":")[0])
        for place in ("active", "previous"):
            if status.get(place):
                expected.add(status[place]["container"])
        found = [
            item
            for item in engine.left(self.client, self.name)
            if item.kind != "image" and item.name not in expected
        ]
        ended = {item.name for item in found if item.text.endswith(" exited")}
        if ended - self._served:
            records: list[dict[str, str]] = json.loads(self.run("releases", "--json").stdout)
            self._served |= {
                item["container"] for item in records if item["outcome"] in ("succeeded", "switched")
            }
        found = [item for item in found if item.name not in ended & self._served]
        told = [
            f"status has a {place}: {status[place]}" for place in ("candidate", "lock") if status.get(place)
        ]
        needed: list[str] = status["recovery_needed"]
        return [*(item.text for item in found), *told, *needed]

    def remove(self) -> None:
        """Kills what was started, and removes all that belongs to the service."""
        for started in self._started:
            started.kill()
            started.wait()
        engine.remove(self.client, self.name)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment in which the deployer is run."""
        return {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _merged(merged.get(key) or {}, value)
        else:
            merged[key] = value
    return merged
