"""Against the peers: lost requests, and seconds for a deploy."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
from collections.abc import Iterator

from benchmarks import swarm
from benchmarks.contest import MIX, Outcome, contest
from benchmarks.figures import Section, number
from benchmarks.stand import NEW, Stand
from tests.support import engine, names
from tests.support.project import Project

TITLE = "Against the peers"
COLUMNS = ("way", "deploys", "lost", "of", "doubled", "first answer", "done")
HOW = f"""\
Each way deploys the same two images in turn under the same load of {MIX.rate:.0f} requests a second (GET over
kept and single connections, POST with ids that are read back) and {MIX.slow} clients whose requests take a
second each. *First answer* is from the command's start until the new release answers; *done* until, beyond
that, the command has ended and the release before is drained (its container, in a Swarm, has stopped).
Medians of the deploys.

- *stop, rm, run*: `docker stop`, `docker rm` and `docker run` of a container with a published port.
- *Swarm, start-first*: `docker service update` in a Swarm of one node with `--update-order start-first`, a
  health check every 0.5 s and DNS round robin, behind HAProxy with DNS resolvers, and checks and retries as
  in our edge. It runs in an engine of its own, in network, mount and process namespaces of its own.
- *deployer*: `python -m deployer rollout --image`, blue-green, and recreate, which holds requests instead of
  running two releases. `rollout.observe` is 0.
"""


def measure(stand: Stand) -> list[Section]:
    deploys = stand.runs(5, 2)
    rows: list[list[str]] = []
    with plain(stand) as way:
        stand.say(f"stop, rm, run: {deploys} deploys")
        rows.append(row("stop, rm, run", contest(way, deploys)))
    with stand.project() as project:
        for strategy in ("blue-green", "recreate"):
            stand.say(f"deployer, {strategy}: {deploys} deploys")
            rows.append(row(f"deployer, {strategy}", contest(Ours(stand, project, strategy), deploys)))
            project.run("rollout", "--image", stand.old)
        reason = swarm.impossible()
        if reason is None:
            stand.say(f"Swarm, start-first: {deploys} deploys, after half a minute to prepare it")
            edge = stand.client.api.inspect_container(f"{project.name}-edge")["Config"]["Image"]
            rows.insert(1, row("Swarm, start-first", swarm.run(stand, edge, deploys)))
        else:
            rows.insert(1, ["Swarm, start-first", f"not measured: {reason}", *[""] * (len(COLUMNS) - 2)])
    return [Section(TITLE, HOW, rows, COLUMNS)]


def row(name: str, outcome: Outcome) -> list[str]:
    lost = f"{outcome.lost} ({outcome.reasons})" if outcome.reasons else str(outcome.lost)
    return [
        name,
        str(len(outcome.done)),
        lost,
        str(outcome.sent),
        str(outcome.doubled),
        f"{number(statistics.median(outcome.answered))} s",
        f"{number(statistics.median(outcome.done))} s",
    ]


class Ours:
    """`deployer rollout` by a strategy."""

    def __init__(self, stand: Stand, project: Project, strategy: str) -> None:
        self.url = project.url
        self._stand, self._project, self._strategy = stand, project, strategy

    def deploy(self, version: str) -> None:
        image = self._stand.new if version == NEW else self._stand.old
        self._project.run("rollout", "--image", image, "--strategy", self._strategy)

    def gone(self) -> bool:
        return True  # the command waits for it


class Plain:
    """A container with a published port, stopped and run anew."""

    def __init__(self, stand: Stand, name: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._stand, self._name, self._port = stand, name, port

    def deploy(self, version: str) -> None:
        for command in (["stop", self._name], ["rm", self._name]):
            subprocess.run(["docker", *command], check=True, stdout=subprocess.DEVNULL)
        self.start(version)

    def start(self, version: str) -> None:
        image = self._stand.new if version == NEW else self._stand.old
        published, volume = f"127.0.0.1:{self._port}:8080", f"{self._name}-data:/data"
        options = ["--detach", "--init", "--name", self._name, "--publish", published, "--volume", volume]
        subprocess.run(["docker", "run", *options, image], check=True, stdout=subprocess.DEVNULL)

    def gone(self) -> bool:
        return True


@contextlib.contextmanager
def plain(stand: Stand) -> Iterator[Plain]:
    name = names.service_name()
    try:
        way = Plain(stand, name, names.free_port())
        way.start("old")
        yield way
    finally:
        engine.remove(stand.client, name)
