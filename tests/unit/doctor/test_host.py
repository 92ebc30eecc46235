"""Each check of a host, with a healthy and a broken one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.doctor.bridges import bridges
from deployer.doctor.finding import Finding, Severity, worst
from deployer.doctor.host import check_host, ports
from deployer.host.facts import Disk, Facts, read, script
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


def written(folder: Path, more: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(f"service: {{name: shop, image: shop:1, port: 8080}}\n{more}\n")
    return load(path, environ={})


def found(config: Config, **changes: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in check_host(replace(HEALTHY, **changes), config)}


def by_subject(config: Config, check: str, **changes: Any) -> dict[str, str]:
    findings = check_host(replace(HEALTHY, **changes), config)
    return {each.subject: each.severity.name.lower() for each in findings if each.check == check}


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
        ("dns", "warning", "pypi.org does not resolve", {"unresolved": ("pypi.org",)}),
        ("ports", "warning", "3306", {"listening": ("0.0.0.0:3306", "0.0.0.0:22")}),
        ("ports", "error", "2375", {"listening": ("[::]:2375",)}),
        ("ports", "error", "2376", {"listening": ("*:2376",)}),
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


def test_a_second_disk_as_large_as_the_first_is_looked_at_too(config: Config) -> None:
    first = Disk(20 * GIB, 10 * GIB, 1000, 900, "/dev/nvme0n1p1")
    second = Disk(20 * GIB, 0, 1000, 3, "/dev/nvme1n1")
    disks = {"/": first, "/var": first, "/var/lib/docker": second}
    assert by_subject(config, "disk", disks=disks) == {"/": "ok", "/var/lib/docker": "error"}
    assert by_subject(config, "inodes", disks=disks) == {"/": "ok", "/var/lib/docker": "error"}
    nameless = {path: replace(disk, device="") for path, disk in disks.items()}
    assert by_subject(config, "disk", disks=nameless) == {"/": "ok", "/var": "ok", "/var/lib/docker": "error"}


@pytest.mark.parametrize("more", ["", "jenkins: {address: 0.0.0.0}\n", "site: {bucket: shop, store: {}}\n"])
def test_what_is_for_admins_is_open_to_nobody_else_unless_somebody_says_so(tmp_path: Path, more: str) -> None:
    listening = ("0.0.0.0:9090", "127.0.0.1:8333", "0.0.0.0:8080")
    config = written(tmp_path, more)
    assert by_subject(config, "ports", listening=listening) == {"9090": "warning"}
    remedy = found(config, listening=listening)["ports"].remedy
    assert "ssh -L 9090" in remedy
    assert "security group" in remedy
    assert by_subject(config, "ports", listening=("0.0.0.0:8333",)) == {"8333": "warning"}
    meant = written(tmp_path, f"{more}prepare: {{ports: [9090, 2375, 2376]}}")
    assert by_subject(meant, "ports", listening=listening) == {"": "ok"}
    # An engine with TLS may be meant; without there is no excuse.
    assert by_subject(meant, "ports", listening=("*:2375", "*:2376")) == {"2375": "error"}
    assert by_subject(config, "ports", listening=("*:2375", "*:3306")) == {"2375": "error", "3306": "warning"}


def test_what_our_firewall_closes_is_not_open(tmp_path: Path) -> None:
    """But a container's published port never comes by it, nor does what a container sends to the engine."""
    config = written(tmp_path, "edge: {port: 8080}")
    facts = replace(
        HEALTHY, firewall=(22, 8080), listening=("0.0.0.0:3306", "*:5432", "*:2375", "0.0.0.0:8080")
    )

    def told(facts: Facts, published: tuple[int, ...] | None) -> dict[str, str]:
        return {each.subject: each.severity.name for each in ports(facts, config, published)}

    assert told(facts, (5432, 8080)) == {"2375": "ERROR", "5432": "WARNING"}
    assert told(facts, None) == {"2375": "ERROR", "3306": "WARNING", "5432": "WARNING"}
    assert told(replace(facts, firewall=None), ()) == told(facts, None)
    # It lets in what was in prepare.ports once.
    assert told(replace(facts, firewall=(22, 3306, 8080)), ()) == {"2375": "ERROR", "3306": "WARNING"}
    one = replace(facts, listening=("0.0.0.0:3306",))
    (fine,) = ports(one, config, ())
    assert (fine.severity.name, fine.evidence.endswith("the firewall closes 3306")) == ("OK", True)
    (unsure,) = ports(replace(one, unseen=("firewall",)), config, ())
    assert (unsure.severity.name, "3306" in unsure.evidence) == ("SKIPPED", True)
    remedies = {
        where: next(ports(replace(one, firewall=None), config, where)).remedy for where in (None, (), (3306,))
    }
    assert all("list it in prepare.ports, which opens it" in remedy for remedy in remedies.values())
    assert remedies[(3306,)].startswith("a container publishes it")


def test_visitors_come_through_our_firewall(tmp_path: Path) -> None:
    config = written(tmp_path, "edge: {port: 8081, tls: {port: 8443, certificate: cert.pem}}")
    stale = replace(HEALTHY, firewall=(22, 8080, 8081), listening=())
    (shut,) = ports(stale, config, ())
    assert (shut.severity, shut.subject, "at 8443" in shut.evidence) == (Severity.ERROR, "8443", True)
    (unsure,) = ports(replace(stale, unseen=("firewall",)), config, ())
    assert (unsure.severity, "if it is loaded" in unsure.evidence) == (Severity.WARNING, True)
    (fine,) = ports(replace(stale, firewall=(22, 8081, 8443)), config, ())
    assert fine.severity == Severity.OK


@pytest.mark.parametrize("check", ["logs", "oom", "ports"])
def test_what_could_not_be_seen_is_not_in_order(config: Config, check: str) -> None:
    assert found(config, unseen=(check,))[check].severity == Severity.SKIPPED
    killed = found(config, oom_kills=2, unseen=("dmesg",))["oom"]
    assert (killed.severity, "only root sees" in killed.evidence) == (Severity.WARNING, True)


@pytest.mark.root  # it becomes another user
def test_a_user_without_root_is_told_what_it_did_not_see(tmp_path: Path) -> None:
    (tmp_path / "containers").mkdir()
    text = script(socket="/nowhere.sock", docker_root=str(tmp_path))

    def unseen(**user: Any) -> tuple[str, ...]:
        done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=True, **user)
        return read(done.stdout, 0.0, "here").unseen

    assert "logs" not in unseen()
    assert "logs" in unseen(user=65534, group=65534, extra_groups=[])


SHOP = {"Id": "0123456789abffff", "Name": "shop-edge", "IPAM": {"Config": [{"Subnet": "10.213.4.0/28"}]}}
NONE = {"Id": "ffffffffffffffff", "Name": "none", "IPAM": {"Config": None}}


@shows("host.bridges ok", "host.bridges broken")
def test_a_bridge_that_was_left_behind_is_found_where_it_is_in_the_way() -> None:
    def seen(**more: tuple[str, ...]) -> list[Finding]:
        all_ = {"br-0123456789ab": ("10.213.4.0/28",), **{key.replace("_", "-"): more[key] for key in more}}
        return list(bridges(replace(HEALTHY, bridges=all_), [SHOP, NONE]))

    assert [each.severity.name for each in seen()] == ["OK"]
    # Another engine's, or left behind: that cannot be told, and hurts nobody.
    (other,) = seen(br_aaaaaaaaaaaa=("10.213.4.16/28",), br_bbbbbbbbbbbb=())
    assert (other.severity.name, "2 of another engine" in other.evidence) == ("OK", True)
    (stale,) = seen(br_cccccccccccc=("172.20.0.0/16", "10.213.0.0/16"))
    assert (stale.severity.name, stale.subject) == ("ERROR", "br-cccccccccccc")
    assert "in the way of shop-edge (10.213.0.0/16 and 10.213.4.0/28)" in stale.evidence
    assert "`ip link delete br-cccccccccccc`" in stale.remedy


def test_what_a_host_prints_is_read() -> None:
    facts = read(
        "disk=/ 100 60\ndevice=/ /dev/sda1\ninodes=/ 10 5\n"
        "disk=/tmp 100 50\ndevice=/tmp fs42\n"
        "bridge=br-0123456789ab\nbridge=br-ffffffffffff\n"
        "route=br-0123456789ab 0004D50A F0FFFFFF\nroute=br-lan 000014AC 0000FFFF\n"
        "firewall=22, 8080 \nunseen=logs\nunseen=oom\n"
        "unresolved=b.example\nunresolved=a.example\nend=1\n",
        0.0,
        "web1",
    )
    assert facts.disks == {"/": Disk(100, 60, 10, 5, "/dev/sda1"), "/tmp": Disk(100, 50, device="fs42")}
    assert facts.bridges == {"br-0123456789ab": ("10.213.4.0/28",), "br-ffffffffffff": ()}
    assert (facts.firewall, facts.unseen) == ((22, 8080), ("logs", "oom"))
    assert read("end=1\n", 0.0, "web1").firewall is None
    assert facts.unresolved == ("a.example", "b.example")
