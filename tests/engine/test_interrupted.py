"""SIGTERM and Ctrl-C before effects of a rollout and a rollback: cleaned up at once, nothing lost."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import times
from tests.support.striking import MOST_EFFECTS, strike_at

STEP = times(6, 1)


@pytest.mark.parametrize(("signal", "first"), [("TERM", 1), ("INT", 2)])
def test_a_rollout_interrupted(two_releases: Project, variant: Variant, signal: str, first: int) -> None:
    words = ["rollout", "--image", variant(V="3")]
    assert strike_at(two_releases, signal, range(first, MOST_EFFECTS, STEP), words) >= 2


@pytest.mark.parametrize(
    ("signal", "first"), [("TERM", 1), pytest.param("INT", 2, marks=pytest.mark.soak), ("HUP", 3)]
)
def test_a_rollback_interrupted(two_releases: Project, signal: str, first: int) -> None:
    assert strike_at(two_releases, signal, range(first, MOST_EFFECTS, STEP), ["rollback"]) >= 1
