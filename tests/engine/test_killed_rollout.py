"""SIGKILL before effects of a rollout, each of them in a soak: nothing is lost, nothing is left."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import SOAK
from tests.support.striking import points, strike_at


def test_killed_before_each_effect(two_releases: Project, variant: Variant) -> None:
    words = ["rollout", "--image", variant(V="3")]
    # A smoke check has its way to the candidate; after that nobody is kept warm, so there are 3 effects less:
    # the edge serves the new release and its config does not say so yet; the hook after it is made.
    struck = strike_at(two_releases, "KILL", points(15, 16, 19), words)
    assert len(struck) >= 20 if SOAK else struck == ["order clear map preview.map", "commit", "start"]


@pytest.mark.soak
def test_killed_where_the_previous_one_is_stopped_at_once(two_releases: Project, variant: Variant) -> None:
    words = ["rollout", "--image", variant(V="3"), "--set", "rollout.keep_warm=0s"]
    assert len(strike_at(two_releases, "KILL", points(), words)) >= 20


@pytest.mark.soak
def test_killed_while_its_image_is_built(two_releases: Project, variant: Variant) -> None:
    two_releases.config(service={"image": None, "build": {"inputs": ["data"]}})
    dockerfile = f"FROM {variant(V='built')}\nRUN echo 1\nCOPY data /srv/data\n"
    (two_releases.folder / "Dockerfile").write_text(dockerfile)

    def change(strike: int) -> None:
        (two_releases.folder / "data").write_text(f"{strike}\n")

    struck = strike_at(two_releases, "KILL", points(), ["rollout"], before=change)
    assert len(struck) >= 30
    assert struck.count("build step") >= 5
