"""SIGKILL before effects of a rollback, a first rollout, a recreate; and any signal at random instants."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess

import pytest

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import times
from tests.support.striking import MOST_EFFECTS, accident, points, strike_at, under_load


def test_a_rollback_killed_before_each_effect(resting: Project) -> None:
    # The edge serves the other one, and its config does not say so yet; and then does, with no record of it.
    assert strike_at(resting, "KILL", points(6, 8), ["rollback"]) >= 2


def test_a_recreate_killed_lets_the_waiting_go(serving: Project, variant: Variant) -> None:
    """After the old release was stopped nobody serves and all wait; the next command saves them."""
    words = ["rollout", "--image", variant(V="3"), "--strategy", "recreate"]
    # Whether one had to be stopped before or not: the old one has gone, and the new one does not serve.
    assert strike_at(serving, "KILL", points(8, 11), words) >= 2


def test_a_first_rollout_killed_at_every_step(project: Project, variant: Variant) -> None:
    """Nobody is served yet, so nobody can be lost; but nothing may be left either, and the next one works."""
    project.config(rollout={"observe": "0s"})
    image = variant(V="1")
    # The edge has no files yet; and then none of it.
    for strike in points(7, MOST_EFFECTS):
        code = accident(project, "KILL", strike, "rollout", "--image", image)
        project.run("recover")
        assert project.leftovers() == [], f"struck at {strike}\n{project.last}"
        if code == 0:
            break
        project.remove()
    else:
        raise AssertionError(f"a first rollout has more than {MOST_EFFECTS} effects")
    assert project.status()["active"]["image"] == image


@pytest.mark.soak
def test_ended_at_random_instants(two_releases: Project, variant: Variant) -> None:
    """A rollout or a rollback, by any signal."""
    project = two_releases
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    with under_load(project) as load:
        for number in range(times(2, 20)):
            rollout = ["rollout", "--image", variant(V=str(3 + number % 2))]
            words = dice.choice([rollout, ["rollback"]])
            end = dice.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            started = project.start(*words)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(dice.uniform(0.1, 3.0))
            started.send_signal(end)
            started.wait()
            # Any command that changes something converges; here it is the next rollout.
            project.run("rollout", "--image", variant(V="5"))
            assert project.leftovers() == [], f"seed {seed}, round {number}: {words[0]}, {end.name}"
            load.wait_for_more(10)
