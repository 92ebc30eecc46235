"""What the doctor finds about a controller, each thing healthy and broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.doctor.finding import Finding
from deployer.doctor.host import check_host
from deployer.doctor.jenkins import check_jenkins
from deployer.host.facts import Disk, Facts
from tests.support.doctor import shows
from tests.support.jenkins_double import JenkinsDouble

GIB = 1024**3
CHECKS = ("controller", "node", "executors", "disk", "queue", "webhook")
DISK = "hudson.node_monitors.DiskSpaceMonitor"
SWAP = "hudson.node_monitors.SwapSpaceMonitor"


@pytest.fixture
def controller() -> Iterator[JenkinsDouble]:
    with JenkinsDouble() as double:
        yield double


def looked(
    double: JenkinsDouble,
    folder: Path,
    token: str | None = None,
    *,
    memory: int | None = 2 * GIB,
    more: str = "",
) -> list[Finding]:
    path = folder / "config.yaml"
    path.write_text(
        "service: {name: shop, image: shop:1, port: 8080}\n"
        f"jenkins: {{url: {double.url}, user: {double.user}, token: '${{env:TOKEN}}'{more}}}\n"
    )
    config = load(path, environ={})
    return list(check_jenkins(config, {"TOKEN": token or double.token}, memory))


def found(double: JenkinsDouble, folder: Path, token: str | None = None) -> dict[str, str]:
    return {finding.check: finding.severity.name.lower() for finding in looked(double, folder, token)}


@shows(*(f"jenkins.{check} ok" for check in CHECKS))
def test_a_controller_in_order(controller: JenkinsDouble, tmp_path: Path) -> None:
    controller.monitors = {DISK: {"size": 20 * GIB, "path": "/var/jenkins_home"}}
    assert found(controller, tmp_path) == {
        "controller": "ok",
        "node": "ok",
        "executors": "ok",
        "disk": "ok",
        "queue": "ok",
        "webhook": "ok",
    }


@shows(*(f"jenkins.{check} broken" for check in CHECKS))
def test_what_is_wrong_with_it(controller: JenkinsDouble, tmp_path: Path) -> None:
    assert found(controller, tmp_path, token="not it") == {"controller": "error"}
    controller.offline = "Disk space is too low. Only 0.4GB left"
    controller.executors = 4
    controller.monitors = {DISK: {"size": GIB // 2, "path": "/var/jenkins_home"}}
    seen = found(controller, tmp_path)
    assert (seen["node"], seen["executors"], seen["disk"]) == ("error", "warning", "error")
    controller.has_github = False
    assert found(controller, tmp_path)["webhook"] == "error"
    # A build that waits for a node that is not there.
    controller.save("shop", "<flow-definition/>")
    controller.enqueue("shop", {})
    assert found(controller, tmp_path)["queue"] == "warning"


def test_one_on_this_host_needs_no_address_in_the_config(controller: JenkinsDouble, tmp_path: Path) -> None:
    port = int(controller.url.rsplit(":", 1)[1])
    path = tmp_path / "config.yaml"
    service = "service: {name: shop, image: shop:1, port: 8080}\n"

    def severities(jenkins: str, rest: str = "") -> set[str]:
        path.write_text(f"{service}jenkins: {jenkins}\n{rest}")
        findings = check_jenkins(load(path, environ={}), {"PASSWORD": controller.token}, 2 * GIB)
        return {finding.severity.name.lower() for finding in findings if finding.check == "controller"}

    mine = f"{{address: 0.0.0.0, port: {port}, user: {controller.user}, password: '${{env:PASSWORD}}'}}"
    assert severities(mine) == {"ok"}
    assert severities(f"{{port: {port}}}") == {"skipped"}
    # What is at this address here says nothing about the hosts.
    assert severities(mine, "hosts: [{name: a, address: 10.0.0.1}]\n") == {"skipped"}


def test_one_that_is_down(tmp_path: Path) -> None:
    with JenkinsDouble() as double:
        pass
    assert found(double, tmp_path) == {"controller": "error"}


@pytest.mark.parametrize(
    ("executors", "host", "node", "severity"),
    [
        (2, 2 * GIB, None, "warning"),
        (2, 8 * GIB, None, "ok"),
        (2, None, None, "ok"),
        (3, None, None, "warning"),
        (1, GIB, None, "ok"),
        (2, 2 * GIB, 16 * GIB, "ok"),  # the controller is elsewhere
        (2, 16 * GIB, 2 * GIB, "warning"),
    ],
)
def test_how_many_executors_a_host_bears(
    controller: JenkinsDouble,
    tmp_path: Path,
    executors: int,
    host: int | None,
    node: int | None,
    severity: str,
) -> None:
    controller.executors = executors
    controller.monitors = {SWAP: {"totalPhysicalMemory": node}} if node else {SWAP: None}
    findings = looked(controller, tmp_path, memory=host)
    assert [each.severity.name.lower() for each in findings if each.check == "executors"] == [severity]


def waiting(controller: JenkinsDouble, seconds: float) -> None:
    """Let a build have waited for so long."""
    controller.why_waiting = "Waiting for next available executor"
    controller.save("shop", "<flow-definition/>")
    controller.enqueue("shop", {})
    for item in controller.items.values():
        item.since -= seconds


def test_the_host_that_hung(controller: JenkinsDouble, tmp_path: Path) -> None:
    """2 GiB without swap, two executors, a full disk: a build waited for the next executor for ever."""
    controller.executors = 2
    controller.offline = "Disk space is too low. Only 0.4GB left"
    controller.monitors = {
        DISK: {"size": int(0.4 * GIB), "path": "/var/jenkins_home"},
        SWAP: {"totalPhysicalMemory": 2 * GIB, "totalSwapSpace": 0},
    }
    waiting(controller, 600)
    facts = Facts(
        memory=2 * GIB,
        memory_available=60 * 1024**2,
        oom_kills=2,
        disks={"/": Disk(20 * GIB, int(0.4 * GIB), 1000, 900, "/dev/nvme0n1p1")},
        socket=("660", "root", "docker"),
        user="root",
        listening=("0.0.0.0:22", "0.0.0.0:8080", "0.0.0.0:9090"),
    )
    findings = looked(controller, tmp_path)
    config = load(tmp_path / "config.yaml", environ={})
    bad = {
        f"{each.area} {each.check}": each
        for each in (*check_host(facts, config), *findings)
        if each.severity.name in ("WARNING", "ERROR")
    }
    assert {name: each.severity.name.lower() for name, each in bad.items()} == {
        "host memory": "error",
        "host swap": "error",
        "host oom": "warning",
        "host disk": "error",
        "host ports": "warning",
        "jenkins node": "error",
        "jenkins executors": "warning",
        "jenkins disk": "error",
        "jenkins queue": "warning",
    }
    assert "0 B of swap beside 2 GB" in bad["host swap"].evidence
    assert "2 builds at once with 2 GB of memory" in bad["jenkins executors"].evidence
    assert "shop waits: Waiting for next available executor" in bad["jenkins queue"].evidence
    assert all(each.remedy for each in bad.values())


def test_a_build_that_waits_beside_a_free_executor(controller: JenkinsDouble, tmp_path: Path) -> None:
    """Jenkins calls it stuck after a day only: a host that hangs is found before."""
    controller.dispatch = lambda: None  # type: ignore[method-assign]  # nobody gives it the executor
    waiting(controller, 10)
    assert found(controller, tmp_path)["queue"] == "ok"
    waiting(controller, 300)
    (queue,) = {each.evidence for each in looked(controller, tmp_path) if each.check == "queue"}
    assert queue == "shop waits: Waiting for next available executor; and none is busy"


def test_deliveries_are_looked_for_where_github_sends_them(controller: JenkinsDouble, tmp_path: Path) -> None:
    def webhook(address: str) -> tuple[str, str]:
        findings = looked(controller, tmp_path, more=f", public_url: '{address}'")
        return next((each.severity.name, each.evidence) for each in findings if each.check == "webhook")

    with JenkinsDouble() as front:
        assert webhook(f"{front.url}/") == (
            "OK",
            f"{front.url}/github-webhook/ is there; `pipelines jenkins webhook` checks a delivery",
        )
        front.has_github = False  # the one behind has the plugin
        assert webhook(front.url)[0] == "ERROR"
    severity, said = webhook(front.url)
    assert (severity, front.url in said) == ("WARNING", True)
