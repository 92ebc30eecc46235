"""What a controller is doing, and what is said about it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pipelines.jenkins.client import Client
from pipelines.jenkins.watch import GIB, MIB, observe, picture
from tests.support.jenkins_double import JenkinsDouble
from tests.support.jenkins_state import Build


def node(**changes: Any) -> dict[str, Any]:
    return {"displayName": "Built-In Node", "offline": False, "executors": [], "monitorData": {}, **changes}


def test_what_runs_what_is_stuck_what_waits_and_why(client: Client, jenkins: JenkinsDouble, job: str) -> None:
    go = threading.Event()

    def script(_: Build) -> str:
        assert go.wait(30)
        return "SUCCESS"

    jenkins.script = script
    client.trigger(job)
    client.trigger(job, {"WHO": "next"})
    found = observe(client)
    assert [(r.build, r.executor, r.stuck) for r in found.running] == [("shop #1", 0, False)]
    assert [(w.job, w.why) for w in found.waiting] == [("shop", "Waiting for next available executor")]
    assert found.advice[0].problem == "shop waits for an executor; busy with shop #1"
    assert f"stop it on its page ({jenkins.url}/job/shop/1/)" in found.advice[0].remedy
    # Its executor is gone, and nobody has told the build.
    jenkins.jobs[job].builds[0].executing = False
    found = observe(client)
    assert [(r.build, r.executor, r.stuck) for r in found.running] == [("shop #1", None, True)]
    assert "no executor carries it on" in found.advice[-1].problem
    go.set()


def test_a_build_that_ends_while_we_look_is_not_stuck(
    client: Client, jenkins: JenkinsDouble, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def script(_: Build) -> str:
        assert go.wait(30)
        return "SUCCESS"

    jenkins.script = script
    client.trigger(job)
    ask = client.nodes

    def after_its_end() -> list[dict[str, Any]]:
        go.set()
        while jenkins.running():
            pass
        return ask()

    monkeypatch.setattr(client, "nodes", after_its_end)
    assert observe(client).running == ()


@pytest.mark.parametrize(
    ("facts", "problem", "remedy"),
    [
        (
            node(
                offline=True,
                offlineCauseReason="Disk space is too low. Only 0.9GB left on /var/jenkins_home.",
            ),
            "is offline: Disk space is too low",
            "deployer prune",
        ),
        (node(offline=True, offlineCauseReason=""), "it does not say why", "bring it online"),
        (
            node(
                monitorData={
                    "hudson.node_monitors.DiskSpaceMonitor": {"size": GIB // 2, "path": "/var/jenkins_home"}
                }
            ),
            "has 512 MB left at /var/jenkins_home",
            "docker system prune",
        ),
        (
            node(
                monitorData={
                    "hudson.node_monitors.SwapSpaceMonitor": {"totalSwapSpace": 0, "totalPhysicalMemory": GIB}
                }
            ),
            "has 1 GB of memory and no swap",
            "2 GB of swap",
        ),
        (
            node(
                monitorData={
                    "hudson.node_monitors.SwapSpaceMonitor": {
                        "totalSwapSpace": GIB,
                        "totalPhysicalMemory": GIB,
                        "availableSwapSpace": 0,
                        "availablePhysicalMemory": 100 * MIB,
                    }
                }
            ),
            "has 100 MB of memory and swap left",
            "2 GB of swap",
        ),
    ],
)
def test_what_a_small_host_lacks_is_named_with_its_remedy(
    facts: dict[str, Any], problem: str, remedy: str
) -> None:
    (advice,) = picture([], [facts], []).advice
    assert problem in advice.problem
    assert remedy in advice.remedy


def test_a_build_that_waits_while_nothing_runs_points_at_the_memory() -> None:
    item = {
        "id": 1,
        "task": {"name": "shop"},
        "why": "Waiting for next available executor",
        "inQueueSince": 1000,
        "stuck": False,
    }
    (advice,) = picture([], [node()], [item]).advice
    assert "none is busy: the host may hang" in advice.problem
    assert "swap" in advice.remedy


def test_a_healthy_host_gets_no_advice() -> None:
    monitors = {
        "hudson.node_monitors.SwapSpaceMonitor": {
            "totalSwapSpace": 2 * GIB,
            "totalPhysicalMemory": 2 * GIB,
            "availableSwapSpace": 2 * GIB,
            "availablePhysicalMemory": 100 * MIB,
        },
        "hudson.node_monitors.DiskSpaceMonitor": {"size": 20 * GIB},
        "hudson.node_monitors.ClockMonitor": None,
    }
    assert picture([], [node(monitorData=monitors)], []).advice == ()


def test_a_pipeline_on_two_executors_is_one_build() -> None:
    build = {"number": 3, "url": "http://jenkins/job/shop/3/", "fullDisplayName": "shop #3"}
    facts = node(
        executors=[{"currentExecutable": {**build, "fullDisplayName": "part of shop #3"}}],
        oneOffExecutors=[{"currentExecutable": build}],
    )
    jobs = [{"name": "shop", "lastBuild": {"number": 3, "url": "http://other/job/shop/3/", "building": True}}]
    (found,) = picture(jobs, [facts], []).running
    assert found.build == "shop #3"
