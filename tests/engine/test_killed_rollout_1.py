"""SIGKILL before each effect of a rollout: nothing is lost, nothing is left (part 1 of 2)."""

from __future__ import annotations

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.striking import MOST_EFFECTS, strike_at


def test_killed_before_each_effect(two_releases: Project, variant: Variant) -> None:
    words = ["rollout", "--image", variant(V="3")]
    assert strike_at(two_releases, "KILL", range(1, MOST_EFFECTS, 2), words) >= 6
