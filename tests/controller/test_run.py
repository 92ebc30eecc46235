"""A build from the queue to its outcome, as events."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from deployer.errors import ExitStatus, JenkinsMissing
from deployer.events import Event
from pipelines.jenkins.client import Client
from pipelines.jenkins.run import Run
from tests.support.jenkins_double import JenkinsDouble
from tests.support.jenkins_state import Build
from tests.support.waiting import until


def kinds(told: list[Event]) -> list[str]:
    return [event.kind for event in told]


@pytest.mark.parametrize(
    ("result", "status"),
    [("SUCCESS", 0), ("FAILURE", 21), ("UNSTABLE", 22), ("ABORTED", 23), ("NOT_BUILT", 23)],
)
def test_the_outcome_is_an_exit_code(
    client: Client, jenkins: JenkinsDouble, job: str, result: str, status: int
) -> None:
    jenkins.script = lambda _: result
    outcome = Run(client, job, {}, lambda _: None).wait()
    assert (outcome.result, outcome.status, outcome.number) == (result, status, 1)
    assert outcome.as_dict()["exit_status"] == status


def test_stages_and_lines_are_told_in_order(
    client: Client, jenkins: JenkinsDouble, job: str, told: list[Event]
) -> None:
    def script(build: Build) -> str:
        build.say("[Pipeline] { (build)", "+ make", "[Pipeline] }", "[Pipeline] { (test)", "boom")
        return "FAILURE"

    jenkins.script = script
    Run(client, job, {}, told.append).wait()
    assert [(event.kind, event.sentence()) for event in told[1:]] == [
        ("phase_started", "build"),
        ("log_line", "  shop | + make"),
        ("phase_finished", told[3].sentence()),
        ("phase_started", "test"),
        ("log_line", "  shop | boom"),
        ("log_line", "  shop | Finished: FAILURE"),
        ("phase_failed", "test failed: the build ended"),
    ]
    assert told[0].sentence() == f"shop #1 runs: {jenkins.url}/job/shop/1/"


def test_why_it_waits_is_told_once_for_each_reason(
    client: Client, jenkins: JenkinsDouble, job: str, told: list[Event]
) -> None:
    go = threading.Event()

    def script(_: Build) -> str:
        assert go.wait(30)
        return "SUCCESS"

    jenkins.offline, jenkins.script = "no disk", script
    started = Run(client, job, {"WHO": "a"}, told.append)
    watcher = threading.Thread(target=started.wait)
    watcher.start()
    until(lambda: told, "the first reason is told")
    jenkins.save("other", jenkins.jobs[job].config)
    jenkins.enqueue("other", {})
    jenkins.items[1].since, jenkins.offline = 0, None
    # The other one takes the only executor.
    item, jenkins.items[1].cancelled = jenkins.items[1], True
    jenkins.dispatch()
    item.cancelled = False
    until(lambda: len(told) > 1, "the second reason is told")
    go.set()
    watcher.join(30)
    assert [event.sentence() for event in told[:2]] == [
        "shop waits: ‘Jenkins’ is offline",
        "shop waits: Waiting for next available executor",
    ]
    assert kinds(told)[2] == "build_runs"


def test_what_is_cancelled_in_the_queue_has_an_outcome_too(
    client: Client, jenkins: JenkinsDouble, job: str
) -> None:
    jenkins.offline = "no disk"
    started = Run(client, job, {}, lambda _: None)
    started.stop()
    outcome = started.wait()
    assert (outcome.result, outcome.status, outcome.number) == ("CANCELLED", ExitStatus.BUILD_ABORTED, None)


def test_stopping_also_finds_what_began_meanwhile(client: Client, jenkins: JenkinsDouble, job: str) -> None:
    def script(build: Build) -> str:
        assert build.stopped.wait(30)
        return "SUCCESS"

    jenkins.script = script
    started = Run(client, job, {}, lambda _: None)
    started.stop()
    assert started.wait().result == "ABORTED"


def test_a_queue_item_that_is_forgotten_is_found_by_its_build(
    client: Client, jenkins: JenkinsDouble, job: str
) -> None:
    started = Run(client, job, {}, lambda _: None)
    jenkins.items[1].forgotten = True
    assert started.wait().number == 1


def test_one_that_was_forgotten_without_a_build_is_an_error(
    client: Client, jenkins: JenkinsDouble, job: str
) -> None:
    jenkins.offline = "no disk"
    started = Run(client, job, {}, lambda _: None)
    jenkins.items[1].forgotten = True
    with pytest.raises(JenkinsMissing, match="forgotten queue item 1 of shop"):
        started.wait()


def test_a_controller_that_restarts_meanwhile_is_waited_for(
    connect: Callable[..., Client], jenkins: JenkinsDouble, job: str, told: list[Event]
) -> None:
    go = threading.Event()

    def script(build: Build) -> str:
        build.say("before")
        assert go.wait(30)
        build.say("after")
        return "SUCCESS"

    jenkins.script = script
    started = Run(connect(), job, {}, told.append)
    found: list[object] = []
    watcher = threading.Thread(target=lambda: found.append(started.wait()))
    watcher.start()
    until(lambda: "log_line" in kinds(told), "the first line is told")
    jenkins.stop()
    until(lambda: "warned" in kinds(told), "the watcher has noticed")
    go.set()
    jenkins.start()
    watcher.join(30)
    assert [e.sentence() for e in told if e.kind == "log_line"] == [
        "  shop | before",
        "  shop | after",
        "  shop | Finished: SUCCESS",
    ]
    assert len(found) == 1
