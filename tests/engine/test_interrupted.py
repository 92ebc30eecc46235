"""SIGTERM and Ctrl-C before effects of a rollout and a rollback: cleaned up at once, nothing lost."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import SOAK
from tests.support.striking import points, strike_at


@pytest.mark.parametrize("signal", ["INT", pytest.param("TERM", marks=pytest.mark.soak)])
def test_a_rollout_interrupted(two_releases: Project, variant: Variant, signal: str) -> None:
    # The hook is made and not started; then, where nobody is kept warm any more and so there are 3 effects
    # less, the edge serves the new release, and its config does not say so yet.
    words = ["rollout", "--image", variant(V="3")]
    struck = strike_at(two_releases, signal, points(7, 16), words)
    assert len(struck) >= 20 if SOAK else struck == ["start", "commit"]


@pytest.mark.parametrize(
    ("signal", "point"), [("TERM", 6), ("HUP", 3), pytest.param("INT", 5, marks=pytest.mark.soak)]
)
def test_a_rollback_interrupted(resting: Project, signal: str, point: int) -> None:
    assert strike_at(resting, signal, points(point), ["rollback"])
