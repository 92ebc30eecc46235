"""A bad release never takes over, and what was wrong with it is said."""

from __future__ import annotations

import pytest

from benchmarks.load import Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import USUAL

BAD_RELEASES = {
    "exits at start": ({"EXIT_AT_START": "3"}, "exited with code 3 before it was ready", 0),
    "never ready": ({"NEVER_READY": "1"}, "was not ready after 2 s", 0),
    # The window is from the switch to the first look: answers of the first moments are its own.
    "ready, then 5xx": ({"FAIL_AFTER_READY": "1"}, "with 5xx after the switch", 1),
    "dies after the switch": ({"DIE_AFTER_SECONDS": "0.3"}, "after the switch", 1),
}


@pytest.mark.parametrize("kind", BAD_RELEASES)
def test_a_bad_release_never_takes_over(resting: Project, variant: Variant, kind: str) -> None:
    manners, reason, window = BAD_RELEASES[kind]
    if kind == "never ready":
        resting.config(rollout={"ready_timeout": "2s"})
    resting.config(rollout={"observe": "3s"})
    before = resting.status()["active"]
    with Load(resting.url, USUAL) as load:
        load.wait_for_more(50)
        done = resting.run("rollout", "--image", variant(V="bad", **manners), expect=8)
        load.wait_for_more(50)
    assert reason in done.stderr
    if kind == "exits at start":
        assert "told to exit at the start" in done.stderr, "the tail of its log"
    report = load.report()
    # Whatever was lost was an answer of the bad release itself, or cut off by its death.
    others = [lost for lost in report.lost if not window or lost.version not in ("bad", None, "")]
    assert others == [], report.summary()
    assert report.doubled == ()
    status = resting.status()
    assert status["active"]["container"] == before["container"]
    assert status["recovery_needed"] == []
    assert resting.leftovers() == []


def test_a_missing_image_is_named(project: Project) -> None:
    done = project.run("rollout", "--image", "deployer-test/nowhere:1", expect=5)
    assert "deployer-test/nowhere:1" in done.stderr
    assert project.leftovers() == []


def test_what_is_no_name_of_an_image_is_said_so(project: Project) -> None:
    done = project.run("rollout", "--image", "SHOP:1", expect=5)
    assert "lower case" in done.stderr
    assert project.leftovers() == []


def test_a_release_that_hangs_on_sigterm_is_stopped_in_the_end(resting: Project, variant: Variant) -> None:
    resting.config(service={"stop_timeout": "1s"})
    resting.run("rollout", "--image", variant(V="hangs", IGNORE_SIGTERM="1"))
    with Load(resting.url, USUAL) as load:
        load.wait_for_more(50)
        resting.run("rollout", "--image", variant(V="2"), "--set", "rollout.keep_warm=0s")
        load.wait_for_version("2")
    report = load.report()
    assert report.clean, report.summary()
    assert resting.status()["previous"]["status"] == "exited"
