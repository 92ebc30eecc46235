"""What the doctor finds about a controller, each thing healthy and broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.doctor.jenkins import check_jenkins
from tests.support.doctor import shows
from tests.support.jenkins_double import JenkinsDouble

GIB = 1024**3
CHECKS = ("controller", "node", "executors", "disk", "queue", "webhook")
DISK = "hudson.node_monitors.DiskSpaceMonitor"


@pytest.fixture
def controller() -> Iterator[JenkinsDouble]:
    with JenkinsDouble() as double:
        yield double


def found(double: JenkinsDouble, folder: Path, token: str | None = None) -> dict[str, str]:
    path = folder / "config.yaml"
    path.write_text(
        "service: {name: shop, image: shop:1, port: 8080}\n"
        f"jenkins: {{url: {double.url}, user: {double.user}, token: '${{env:TOKEN}}'}}\n"
    )
    config = load(path, environ={})
    findings = check_jenkins(config, {"TOKEN": token or double.token}, 2 * GIB)
    return {finding.check: finding.severity.name.lower() for finding in findings}


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
