"""How long until the new release answers, what the drain adds, and how long the way back takes."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from benchmarks.figures import Figure, Section
from benchmarks.load import Load
from benchmarks.stand import NEW, OLD, SHORT, Stand, first_answer
from tests.support.project import Project

TITLE = "Rollout and rollback"
HOW = f"""\
A client polls the edge every 10 ms while `python -m deployer rollout --image ...` runs; the time is from the
start of that process to the first answer of the new release. Before each rollout, a container of the same
image is started with `docker run` on the same network, and the time until its health path answers 200 is
taken: that is the release's own *boot to ready*, and is subtracted from the rollout that follows it. Each
rollout evicts the release that was kept warm before it, as in daily life, and is followed by a rollback to
the release that is warm then. All of it under {SHORT.rate:.0f} requests a second without long ones; the drain
is the phase of that name in `rollout --json`. `rollout.observe` is 0: it is a wait that the operator chooses.
"""


def measure(stand: Stand) -> list[Section]:
    rounds = stand.runs(9, 3)
    times: dict[str, list[float]] = {
        name: [] for name in ("boot", "rollout", "added", "drain", "rest", "back")
    }
    with stand.project() as project:
        # The second release, so that every round finds a warm one to evict.
        project.run("rollout", "--image", stand.new)
        project.run("rollback")
        with Load(project.url, SHORT) as load:
            load.wait_for_more(100)
            for number in range(rounds):
                stand.say(f"rollout and rollback {number + 1} of {rounds}")
                boot = boot_to_ready(stand, project)
                first, command, result = changed(project, NEW, "rollout", "--image", stand.new)
                times["boot"].append(boot)
                times["rollout"].append(first)
                times["added"].append(first - boot)
                times["drain"].append(phase(result, "drain"))
                times["rest"].append(command - first)
                back, _, _ = changed(project, OLD, "rollback")
                times["back"].append(back)
        report = load.report()
    lost = len(report.lost) + len(report.doubled) + len(report.missing)
    return [
        Section.of(
            TITLE,
            HOW,
            [
                Figure("rollout: command's start to the new release's first answer", times["rollout"], "s"),
                Figure("boot to ready of a plain container of the same image", times["boot"], "s"),
                Figure("what the rollout adds to the boot", times["added"], "s", 1.0),
                Figure("drain without long requests", times["drain"], "s", 1.0),
                Figure("first answer to the end of the command", times["rest"], "s"),
                Figure(
                    "warm rollback: command's start to the old release's first answer",
                    times["back"],
                    "s",
                    1.0,
                ),
                Figure(f"requests lost or doubled, of {report.sent}", [lost], "", 0),
            ],
        )
    ]


def boot_to_ready(stand: Stand, project: Project) -> float:
    """Seconds from `docker run` until the health path answers 200, of a container like the release's."""
    name = f"{project.name}-boot"
    network = f"{project.name}-edge"
    command = ["docker", "run", "--detach", "--init", "--network", network, "--name", name, stand.new]
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = stand.client.api.inspect_container(name)
    address = found["NetworkSettings"]["Networks"][network]["IPAddress"]
    seconds = first_answer(address, 8080, "/health", NEW) - began
    stand.client.api.remove_container(name, force=True)
    return seconds


def changed(project: Project, version: str, *arguments: str) -> tuple[float, float, dict[str, Any]]:
    """Runs a command; seconds to the first answer of `version`, seconds to its end, its result."""
    began = time.monotonic()
    started = project.start(*arguments, "--json")
    first = first_answer("127.0.0.1", project.port, "/", version) - began
    started.finish()
    seconds = time.monotonic() - began
    return first, seconds, last_object(started.out.read_text())


def last_object(output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def phase(result: dict[str, Any], name: str) -> float:
    """Seconds of a phase; 0 where there was none."""
    return sum(float(item["seconds"]) for item in result["phases"] if item["name"] == name)
