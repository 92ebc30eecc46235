"""SIGTERM and Ctrl-C before effects of a rollout and a rollback: cleaned up at once, nothing lost."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import SOAK
from tests.support.standing import version
from tests.support.striking import points, strike_at
from tests.support.waiting import until


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


def test_what_still_runs_on_a_release_keeps_nobody_who_interrupts(serving: Project, variant: Variant) -> None:
    """Neither after the switch, with an old one to be stopped, nor at the start, with that left to do."""
    serving.config(rollout={"keep_warm": "0s"})
    old = serving.client.containers.get(serving.status()["active"]["container"])
    served = version(serving.url)

    def interrupted(image: str, moment: str) -> None:
        rollout = serving.start("rollout", "--image", image)
        until(lambda: moment in rollout.said, moment)
        rollout.send_signal(signal.SIGTERM)
        assert "cleaning up failed" not in rollout.finish(143, timeout=60)
        assert not stream.done()
        assert serving.leftovers() == []

    with ThreadPoolExecutor(1) as pool:
        told = {"accept": "text/event-stream"}
        stream = pool.submit(requests.get, f"{serving.url}/stream?s=300", timeout=120, headers=told)
        try:
            until(lambda: serving.status()["active"]["streams"], "a stream runs")
            interrupted(variant(V="3"), "previous release's last requests")
            interrupted(variant(V="4"), "kept warm long enough")
            assert version(serving.url) == "3"
            # The one that was about to be stopped is there to fall back to.
            serving.client.containers.get(serving.status()["active"]["container"]).kill()
            until(lambda: version(serving.url) == served, "the old one serves")
        finally:
            old.kill("USR1")
    assert "event: done" in stream.result().text
    serving.run("recover")
    assert serving.leftovers() == []
