"""SIGKILL before effects of a rollout, each of them in a soak: nothing is lost, nothing is left."""

from __future__ import annotations

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import times
from tests.support.striking import MOST_EFFECTS, strike_at


def test_killed_before_each_effect(two_releases: Project, variant: Variant) -> None:
    words = ["rollout", "--image", variant(V="3")]
    strikes = range(times(5, 1), MOST_EFFECTS, times(6, 1))
    assert strike_at(two_releases, "KILL", strikes, words) >= times(2, 12)
