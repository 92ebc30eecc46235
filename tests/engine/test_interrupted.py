"""SIGTERM and Ctrl-C before effects of a rollout and a rollback: cleaned up at once, nothing lost."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.standing import version
from tests.support.striking import points, strike_at
from tests.support.waiting import until


@pytest.mark.parametrize("signal", ["TERM", pytest.param("INT", marks=pytest.mark.soak)])
def test_a_rollout_interrupted(two_releases: Project, variant: Variant, signal: str) -> None:
    # The hook is made and not started; the edge serves the new release, and its config does not say so yet.
    strikes = points(7, 14)
    assert strike_at(two_releases, signal, strikes, ["rollout", "--image", variant(V="3")]) >= 2


@pytest.mark.parametrize(
    ("signal", "point"), [("INT", 6), ("HUP", 3), pytest.param("TERM", 5, marks=pytest.mark.soak)]
)
def test_a_rollback_interrupted(resting: Project, signal: str, point: int) -> None:
    assert strike_at(resting, signal, points(point), ["rollback"]) >= 1


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
