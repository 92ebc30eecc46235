"""A bad release never takes over, and what was wrong with it is said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from benchmarks.load import Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import USUAL
from tests.support.waiting import POLL


class Bad(NamedTuple):
    """A kind of bad release.

    :param reason: what is said of it, and :param logged: of its log's last lines.
    :param window: it serves from the switch to the look that finds it out: what it answers then is its own.
    :param rollout: watched as long as it takes to find out; nobody waits for the end of that.
    """

    manners: Mapping[str, str]
    reason: str
    logged: str = "listening v=bad"
    window: bool = False
    service: Mapping[str, Any] = {}
    rollout: Mapping[str, Any] = {"observe": "60s"}


PAUSE = {"name": "pause", "command": ["python3", "-c", "import time; time.sleep(1)"]}

BAD_RELEASES = {
    "exits at start": Bad(
        {"EXIT_AT_START": "3"}, "exited with code 3 before it was ready", "told to exit at the start"
    ),
    "never ready, and deaf to SIGTERM": Bad(
        {"NEVER_READY": "1", "IGNORE_SIGTERM": "1"},
        "was not ready after 2 s",
        rollout={"ready_timeout": "2s"},
    ),
    "ready, then 5xx": Bad({"FAIL_AFTER_READY": "1"}, "with 5xx after the switch", window=True),
    # Visitors get the edge's 502, or a connection that is closed.
    "hangs up": Bad({"HANG_UP": "1"}, "not at all after the switch", window=True),
    "dies after the switch": Bad(
        {"DIE_AFTER_SECONDS": "0.3"}, "exited with code 3", "fatal: told to die v=bad", window=True
    ),
    "leaks memory": Bad(
        {"LEAK": "200"},
        "was killed for want of memory (service.memory is 48 MB) after the switch",
        window=True,
        service={"memory": "48m"},
    ),
    # The edge lets the warm release stand in for it, so nobody sees a 5xx.
    "unready after the switch": Bad({"UNREADY_AFTER_REQUESTS": "5"}, "passed no health check for"),
    "freezes": Bad(
        {"FREEZE_AFTER_REQUESTS": "5"},
        "passed no health check for",
        "told to freeze v=bad",
        window=True,
        service={"stop_timeout": "1s"},
    ),
    "unready once nobody looks, and nothing is kept warm": Bad(
        {"UNREADY_AFTER_REQUESTS": "0"},
        "passed no health check for",
        rollout={"observe": "0s", "keep_warm": "0s", "after": [PAUSE]},
    ),
}


# One that exits at start is in `test_told.py`, where it is told of, too.
SHOWN_THERE = pytest.param("exits at start", marks=pytest.mark.soak)


@pytest.mark.parametrize("kind", [SHOWN_THERE, *list(BAD_RELEASES)[1:]])
def test_a_bad_release_never_takes_over(serving: Project, variant: Variant, kind: str) -> None:
    bad = BAD_RELEASES[kind]
    serving.config(service=bad.service, rollout=bad.rollout)
    before = serving.status()["active"]
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        said, switched = taken_back(serving, variant(V="bad", **bad.manners))
        load.snapshot()  # it has heard of all that was cut off
        ended = time.monotonic()
        load.wait_for_more(50)
    assert bad.reason in said
    assert bad.logged in said, "the tail of its log"
    report = load.report()
    # Whatever was lost was an answer of the bad release itself, or cut off by its death: while it was there.
    others = [
        lost
        for lost in report.lost
        if not bad.window
        or lost.version not in ("bad", None, "")
        or not switched <= report.began + lost.at <= ended
    ]
    assert others == [], report.summary()
    assert report.doubled == ()
    status = serving.status()
    assert status["active"]["container"] == before["container"]
    assert status["recovery_needed"] == []
    assert serving.leftovers() == []


def taken_back(project: Project, image: str) -> tuple[str, float]:
    """Roll out a bad release: all that was said, and a moment right before the switch to it."""
    before = time.monotonic()
    started = project.start("rollout", "--image", image)
    while started.poll() is None:
        look = time.monotonic()
        if "switching to" in started.said:
            break
        before = look
        time.sleep(POLL)
    return started.finish(expect=8), before


def test_a_missing_image_is_named_and_nobody_notices(serving: Project) -> None:
    before = serving.status()["active"]
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        done = serving.run("rollout", "--image", "deployer-test/nowhere:1", expect=5)
        load.wait_for_more(50)
    assert "deployer-test/nowhere:1" in done.stderr
    report = load.report()
    assert report.clean, report.summary()
    assert serving.status()["active"]["container"] == before["container"]
    assert serving.leftovers() == []


def test_what_is_no_name_of_an_image_is_said_so(serving: Project) -> None:
    done = serving.run("rollout", "--image", "SHOP:1", expect=5)
    assert "lower case" in done.stderr
    assert serving.leftovers() == []


def test_a_release_that_hangs_on_sigterm_is_stopped_in_the_end(serving: Project, variant: Variant) -> None:
    serving.config(service={"stop_timeout": "1s"})
    serving.run("rollout", "--image", variant(V="hangs", IGNORE_SIGTERM="1"))
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        serving.run("rollout", "--image", variant(V="2"), "--set", "rollout.keep_warm=0s")
        load.wait_for_version("2")
    report = load.report()
    assert report.clean, report.summary()
    assert serving.status()["previous"]["status"] == "exited"
