"""The deployer is killed at every step and at random moments; nothing is lost and nothing is left."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.load import LIGHT, MODERATE, Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import QUICK, SOAK, times

MOST_EFFECTS = 200


@pytest.fixture
def two_releases(project: Project, variant: Variant) -> Project:
    project.keep_orders()
    project.config(
        rollout={"observe": "0s", "before": [{"name": "migrate", "command": ["python3", "-c", "print(1)"]}]}
    )
    project.run("rollout", "--image", variant(V="1"))
    project.run("rollout", "--image", variant(V="2"))
    return project


@contextlib.contextmanager
def under_load(project: Project) -> Iterator[Load]:
    """Load for as long as the block lasts; at its end nothing may have been lost."""
    with Load(project.url, MODERATE if SOAK else QUICK) as load:
        load.wait_for_more(50)
        yield load
    report = load.report()
    assert report.clean, report.summary()


def accident(project: Project, signal: str, strike: int, *words: str) -> int:
    """Run the deployer with an accident before its n-th effect; its exit code."""
    command = [sys.executable, "-m", "tests.support.crash", signal, str(strike), *words]
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    project.last = done.stderr
    return done.returncode


EXPECTED = {"KILL": -9, "TERM": 143, "INT": 130}

# The points at which to strike: all with SIGKILL, in parts that can run side by side; each fourth with the
# others in `make test`.
PARTS = [
    ("KILL", "rollout", range(1, MOST_EFFECTS, 3)),
    ("KILL", "rollout", range(2, MOST_EFFECTS, 3)),
    ("KILL", "rollout", range(3, MOST_EFFECTS, 3)),
    ("KILL", "rollback", range(1, MOST_EFFECTS)),
    ("TERM", "rollout", range(1, MOST_EFFECTS, times(4, 1))),
    ("TERM", "rollback", range(1, MOST_EFFECTS, times(4, 1))),
    ("INT", "rollout", range(2, MOST_EFFECTS, times(4, 1))),
    ("INT", "rollback", range(2, MOST_EFFECTS, times(4, 1))),
]


@pytest.mark.parametrize(("signal", "command", "strikes"), PARTS)
def test_an_accident_at_every_step(
    two_releases: Project, variant: Variant, signal: str, command: str, strikes: range
) -> None:
    project = two_releases
    words = ["rollout", "--image", variant(V="3")] if command == "rollout" else ["rollback"]
    struck = 0
    with under_load(project) as load:
        for strike in strikes:
            code = accident(project, signal, strike, *words)
            if code == 0:
                break
            struck += 1
            assert code == EXPECTED[signal], f"struck at {strike}: exit code {code}\n{project.last}"
            if signal == "KILL":
                project.run("recover")
            # The other signals clean up at once, with no further command.
            assert project.leftovers() == [], f"struck at {strike}\n{project.last}"
            load.wait_for_more(10)
        else:
            pytest.fail(f"{command} has more than {MOST_EFFECTS} effects")
    assert struck >= 3


def test_a_first_rollout_killed_at_every_step(project: Project, variant: Variant) -> None:
    """Nobody is served yet, so nobody can be lost; but nothing may be left either, and the next one works."""
    project.config(rollout={"observe": "0s"})
    image = variant(V="1")
    for strike in range(1, MOST_EFFECTS, times(6, 1)):
        code = accident(project, "KILL", strike, "rollout", "--image", image)
        project.run("recover")
        assert project.leftovers() == [], f"struck at {strike}\n{project.last}"
        if code == 0:
            break
        project.remove()
    else:
        pytest.fail(f"a first rollout has more than {MOST_EFFECTS} effects")
    assert project.status()["active"]["image"] == image


def test_killed_at_random_instants(two_releases: Project, variant: Variant) -> None:
    project = two_releases
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    with under_load(project) as load:
        for number in range(times(3, 20)):
            started = project.start("rollout", "--image", variant(V=str(3 + number % 2)))
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(dice.uniform(0.1, 3.0))
            started.kill()
            started.wait()
            # Any command that changes something converges; here it is the next rollout.
            project.run("rollout", "--image", variant(V="5"))
            assert project.leftovers() == [], f"seed {seed}, round {number}"
            load.wait_for_more(10)


def test_a_killed_recreate_lets_the_waiting_go(two_releases: Project, variant: Variant) -> None:
    """Killed after the old release was stopped: nobody serves, all wait, and the next command saves them."""
    project = two_releases
    with Load(project.url, LIGHT if not SOAK else MODERATE) as load:
        load.wait_for_more(20)
        for strike in range(1, MOST_EFFECTS, times(7, 1)):
            code = accident(
                project, "KILL", strike, "rollout", "--image", variant(V="3"), "--strategy", "recreate"
            )
            if code == 0:
                break
            project.run("recover")
            assert project.leftovers() == [], f"struck at {strike}\n{project.last}"
            load.wait_for_more(5)
    report = load.report()
    assert report.clean, report.summary()
