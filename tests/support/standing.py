"""A service at rest behind an edge, for tests of the edge: who answers, what stands, and how it is struck."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import requests
from docker import DockerClient
from docker.models.containers import Container

from benchmarks.load import LIGHT, Report
from deployer.config.load import load
from deployer.edge.configuration import SETTINGS, settings
from tests.support.engine import belongings
from tests.support.project import Project
from tests.support.scale import times
from tests.support.waiting import until

QUICK = replace(LIGHT, slow_path="/slow?s=0.5", stream_path="/stream?s=1", upload_seconds=0.5, pause=0.5)

# How a request ends that was in the hands of an edge when that was killed, or came while there was none.
CRASH = {"refused", "reset", "no-answer", "idle-race", "cut"}


class Standing:
    """A service at rest: made once, and again where a test left what cannot be gone on from."""

    def __init__(self, make: Callable[[], Project], images: Sequence[str]) -> None:
        self._make, self._images = make, images
        self._project: Project | None = None

    def project(self) -> Project:
        """Version 2 serves from green, version 1 is warm, and there is nothing else."""
        project = self._project
        if project is None or version(project.url) != "2" or len(containers(project)) != 3:
            return self._anew()
        return self._as_at_first(project)

    def serving(self, *, warm: bool = False) -> Project:
        """Some release serves, and there is nothing to put right; where it is to be, another one is warm."""
        if self._project is None:
            return self._anew()
        project = self._as_at_first(self._project)
        asked = project.run("status", "--json", expect=None)
        status = {} if asked.returncode else json.loads(asked.stdout)
        if not serves(status, "active") or not as_configured(status, project) or not self._tidy(project):
            return self._anew()
        if warm and not serves(status, "previous"):  # the one that serves becomes that
            project.run("rollout", "--image", self._images[0])
        return project

    def _tidy(self, project: Project) -> bool:
        """Nothing is left over; an edge from before an upgrade goes with the next command."""
        if project.leftovers():
            project.run("recover", expect=None)
        return not project.leftovers()

    def _anew(self) -> Project:
        self.remove()
        project = self._project = self._make()
        self._as_at_first(project)
        for image in self._images:
            project.run("rollout", "--image", image)
        return project

    def _as_at_first(self, project: Project) -> Project:
        project.reset()
        project.keep_orders()
        project.config(rollout={"observe": "0s", "drain": f"{times(3, 10)}s"})
        return project

    def remove(self) -> None:
        if self._project:
            self._project.remove()
            self._project = None


def serves(status: Mapping[str, Any], place: str) -> bool:
    """Whether a release is there and would answer at once."""
    release = status.get(place)
    return bool(release and release["slot"] and release["ready"])


def as_configured(status: Mapping[str, Any], project: Project) -> bool:
    """Whether the edge is open, and what config.yaml says it should be."""
    config = load(project.folder / "config.yaml", environ=project.environment())
    made_from = edge_of(project).labels[SETTINGS]
    return bool(made_from == settings(config) and not status["edge"]["maintenance"])


def edge_of(project: Project) -> Container:
    return project.client.containers.get(f"{project.name}-edge")


def containers(project: Project) -> list[str]:
    return [item.name for item in belongings(project.client, project.name) if item.kind == "container"]


def retiring(project: Project) -> list[str]:
    """The containers of edges that are not the edge."""
    return [name for name in containers(project) if name.startswith(f"{project.name}-edge-")]


def tidied(project: Project) -> None:
    """Wait until older edges have given their last answer; the next command then removes them."""

    def ended() -> bool:
        names = retiring(project)
        return all(project.client.containers.get(name).status == "exited" for name in names)

    until(ended, "the older edges have ended")
    project.run("recover")
    assert retiring(project) == []


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=30, allow_redirects=False, **options)


def version(url: str) -> str | None:
    """Who answers; None where nobody does."""
    try:
        return get(url).headers.get("x-version")
    except requests.ConnectionError:
        return None


def version_in(project: Project, place: str) -> str:
    """The version of the release that serves (`active`) or stands by (`previous`), whoever answers."""
    container = project.client.containers.get(project.status()[place]["container"])
    variables = dict(line.split("=", 1) for line in container.attrs["Config"]["Env"])
    return str(variables["V"])


def kill(client: DockerClient, container: Container, image: str) -> None:
    """SIGKILL from the kernel's side: for the engine a crash, which `docker kill` is not."""
    container.reload()
    pid = container.attrs["State"]["Pid"]
    client.containers.run(
        image,
        ["python3", "-c", f"import os; os.kill({pid}, 9)"],
        pid_mode="host",
        cap_add=["KILL"],
        name=f"{container.name}-killer",
        remove=True,
    )


def only_the_crash(report: Report) -> None:
    assert set(report.reasons) <= CRASH, report.summary()
    assert not report.doubled, report.summary()
    assert not report.missing, report.summary()


@contextlib.contextmanager
def socket_on(port: int) -> Iterator[None]:
    with socket.create_server(("0.0.0.0", port)):
        yield
