"""Each check of a host, with a healthy and a broken one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.doctor.finding import Finding, Severity, worst
from deployer.doctor.host import check_host
from deployer.host.facts import Disk, Facts
from tests.support.doctor import shows

GIB = 1024**3
CHECKS = ("memory", "oom", "swap", "disk", "inodes", "logs", "clock", "dns", "ports", "socket")
HEALTHY = Facts(
    memory=2 * GIB,
    memory_available=GIB,
    swap=2 * GIB,
    swap_free=2 * GIB,
    user="deploy",
    groups=("deploy", "docker"),
    disks={"/": Disk(20 * GIB, 10 * GIB, 1000, 900)},
    socket=("660", "root", "docker"),
    listening=("127.0.0.1:3306", "0.0.0.0:22", "[::]:8080"),
    synchronized="yes",
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text("service: {name: shop, image: shop:1, port: 8080}")
    return load(path, environ={})


def found(config: Config, **changes: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in check_host(replace(HEALTHY, **changes), config)}


@shows(*(f"host.{check} ok" for check in CHECKS))
def test_a_healthy_host_has_no_findings(config: Config) -> None:
    assert worst(list(found(config).values())) == Severity.OK


@shows(*(f"host.{check} broken" for check in CHECKS), each=False)
@pytest.mark.parametrize(
    ("check", "severity", "evidence", "changes"),
    [
        ("memory", "warning", "150 MB of 2 GB", {"memory_available": 150 * 1024**2}),
        ("memory", "error", "50 MB", {"memory_available": 50 * 1024**2}),
        ("oom", "warning", "killed 3", {"oom_kills": 3}),
        ("swap", "error", "0 B of swap beside 2 GB", {"swap": 0, "swap_free": 0}),
        ("swap", "warning", "100 MB of 2 GB", {"swap_free": 100 * 1024**2}),
        ("disk", "error", "512 MB of 20 GB", {"disks": {"/": Disk(20 * GIB, GIB // 2, 1000, 900)}}),
        ("disk", "warning", "1.5 GB of 20 GB", {"disks": {"/": Disk(20 * GIB, 3 * GIB // 2, 1000, 900)}}),
        ("inodes", "error", "10 of 1000", {"disks": {"/": Disk(20 * GIB, 10 * GIB, 1000, 10)}}),
        ("logs", "warning", "3 GB in /var/lib/x", {"logs": {"/var/lib/x": 3 * GIB}}),
        ("clock", "warning", "+5.0 s", {"clock_skew": 5.0}),
        ("clock", "error", "-400.0 s", {"clock_skew": -400.0}),
        ("clock", "warning", "nothing keeps it right", {"synchronized": "no"}),
        ("dns", "error", "does not resolve", {"resolves": False}),
        ("ports", "warning", "3306, 9200", {"listening": ("0.0.0.0:3306", "*:9200", "0.0.0.0:22")}),
        ("ports", "error", "2375", {"listening": ("[::]:2375",)}),
        ("socket", "error", "every user (mode 666)", {"socket": ("666", "root", "docker")}),
        ("socket", "error", "deploy may not use", {"groups": ("deploy",)}),
        ("socket", "error", "no socket", {"socket": ()}),
    ],
)
def test_what_is_wrong_is_found(
    config: Config, check: str, severity: str, evidence: str, changes: dict[str, Any]
) -> None:
    finding = found(config, **changes)[check]
    assert finding.severity.name.lower() == severity
    assert evidence in finding.evidence
    assert finding.remedy


def test_what_is_no_trouble_is_no_finding(config: Config) -> None:
    big = found(config, memory=24 * GIB, memory_available=20 * GIB, swap=0, swap_free=0)["swap"]
    assert (big.severity, big.evidence) == (Severity.OK, "none; 24 GB of memory can do without")
    limits = found(config, oom_kills=2, oom_limits=2)["oom"]
    assert limits.severity == Severity.OK
    assert found(config, oom_kills=2, oom_limits=1)["oom"].severity == Severity.WARNING
