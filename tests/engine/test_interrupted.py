"""SIGTERM and Ctrl-C before effects of a rollout and a rollback: cleaned up at once, nothing lost."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.striking import points, strike_at


@pytest.mark.parametrize("signal", ["TERM", pytest.param("INT", marks=pytest.mark.soak)])
def test_a_rollout_interrupted(two_releases: Project, variant: Variant, signal: str) -> None:
    # The hook is made and not started; the edge serves the new release, and its config does not say so yet.
    strikes = points(7, 17)
    assert strike_at(two_releases, signal, strikes, ["rollout", "--image", variant(V="3")]) >= 2


@pytest.mark.parametrize(
    ("signal", "point"), [("INT", 6), ("HUP", 3), pytest.param("TERM", 5, marks=pytest.mark.soak)]
)
def test_a_rollback_interrupted(resting: Project, signal: str, point: int) -> None:
    assert strike_at(resting, signal, points(point), ["rollback"]) >= 1
