"""SIGKILL before effects of a rollback, a first rollout, a recreate; and any signal at random instants."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import SOAK, USUAL, times
from tests.support.striking import EXIT_CODES, MOST_EFFECTS, accident, points, strike_at, under_load

LONG = replace(USUAL, slow=1, stream=1, slow_path="/slow?s=0.5", stream_path="/stream?s=1")
"""With requests that run while a killed command's traces are cleared away."""


def test_a_rollback_killed_before_each_effect(resting: Project) -> None:
    # The edge serves the other one and its config says so, with no end of it in the history; and does, while
    # its config does not say so yet.
    struck = strike_at(resting, "KILL", points(8, 6), ["rollback"], mix=LONG)
    assert len(struck) >= 8 if SOAK else struck == ["append_record", "commit"]


@pytest.mark.soak
def test_a_rollback_to_a_stopped_release_killed_before_each_effect(two_releases: Project) -> None:
    two_releases.config(rollout={"keep_warm": "0s"})
    two_releases.run("rollback")  # nobody is warm any more
    struck = strike_at(two_releases, "KILL", points(), ["rollback"])
    assert len(struck) >= 17
    assert "connect" in struck


def test_a_recreate_killed_lets_the_waiting_go(serving: Project, variant: Variant) -> None:
    """After the old release was stopped nobody serves and all wait; the next command saves them."""
    words = ["rollout", "--image", variant(V="3"), "--strategy", "recreate"]
    # Whether one had to be stopped before or not: the old one has gone, and the new one does not serve.
    assert len(strike_at(serving, "KILL", points(8, 11), words)) >= 2


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


ENDS = {"KILL": times(1, 20), "TERM": 10, "INT": 10}
"""How often each signal is to come while a command is at work."""


@pytest.mark.parametrize(
    "name", ["KILL", *(pytest.param(each, marks=pytest.mark.soak) for each in ("TERM", "INT"))]
)
def test_ended_at_random_instants(two_releases: Project, variant: Variant, name: str) -> None:
    """In a rollout or a rollback, at any moment of as long as that takes."""
    project = two_releases
    number = signal.Signals[f"SIG{name}"]
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    took: dict[str, float] = {}
    landed, tries = 0, 0
    with under_load(project) as load:
        while landed < ENDS[name]:
            tries += 1
            assert tries <= 10 * ENDS[name], (
                f"seed {seed}: {landed} of {tries} came while a command was at work"
            )
            rollout = ["rollout", "--image", variant(V=str(3 + tries % 2))]
            words = dice.choice([rollout, ["rollback"]])
            if words[0] not in took:
                began = time.monotonic()
                project.run(*words)
                took[words[0]] = time.monotonic() - began
            instant = dice.uniform(0.1, took[words[0]])
            started = project.start(*words)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(instant)
            started.send_signal(number)
            code = started.wait()
            where = f"seed {seed}, {words[0]} {tries}, {name} after {instant:.3f} s\n{started.said}"
            # It may have come to its end before, or not have begun to listen.
            assert code in (0, -number, EXIT_CODES[name]), where
            landed += code == EXIT_CODES[name]
            if name != "KILL":
                assert project.leftovers() == [], where
            # Any command that changes something converges; here it is the next rollout.
            project.run("rollout", "--image", variant(V="5"))
            assert project.leftovers() == [], where
            load.wait_for_more(10)
