"""What the doctor finds about a real engine and a service on it, each thing healthy and broken."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from docker import DockerClient
from msgspec.structs import replace

from deployer.config.load import load
from deployer.doctor import certificate, host, service
from deployer.doctor import engine as checks
from deployer.doctor.examination import fix
from deployer.doctor.finding import Finding
from deployer.host import facts
from deployer.host.engine import Engine
from deployer.host.lock import lock_name
from tests.engine.conftest import Variant
from tests.support.doctor import saw, shows
from tests.support.execs import execute
from tests.support.names import free_port, service_name
from tests.support.project import Project
from tests.support.waiting import until


@pytest.fixture
def ours() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def severities(findings: Iterator[Finding]) -> dict[str, str]:
    return {finding.check: finding.severity.name.lower() for finding in findings}


def told(project: Project, *areas: str, expect: int | None = None) -> dict[str, dict[str, Any]]:
    """What `deployer doctor --json` says, by check; each check once."""
    found = project.json("doctor", *areas, expect=expect)
    saw(found["findings"])
    return {entry["check"]: entry for entry in found["findings"]}


STATE = ("release", "drift", "maintenance")


@shows("engine.engine ok", *(f"service.{check} {found}" for check in STATE for found in ("ok", "broken")))
def test_a_service_in_order_and_out_of_it(project: Project, serving: Project) -> None:
    assert told(project, "service")["release"]["severity"] == "skipped"
    found = told(serving, "service")
    assert (found["release"]["severity"], found["drift"]["severity"]) == ("ok", "ok")
    # The config has changed since the edge was made.
    serving.config(edge={"hold": "12s"})
    assert told(serving, "service")["drift"]["severity"] == "warning"
    serving.config(edge={"hold": None})
    serving.run("edge", "maintenance", "on")
    assert told(serving, "service")["maintenance"]["severity"] == "warning"
    serving.run("edge", "maintenance", "off")
    # Somebody has stopped the releases behind our back.
    status = serving.status()
    for place in ("previous", "active"):
        if status[place]:
            serving.client.containers.get(status[place]["container"]).stop(timeout=0)
    assert told(serving, "service", expect=32)["release"]["severity"] == "error"
    fixed = serving.run("doctor", "service", "--fix", "-v", expect=None).stdout
    assert "fixed: put right" in fixed
    assert told(serving, "service")["release"]["severity"] == "ok"


@shows("engine.lock ok", "engine.lock broken")
def test_a_lock_that_was_left_behind_is_removed(
    project: Project, engine: DockerClient, ours: Engine, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert severities(checks.lock(ours, project.name)) == {"lock": "ok"}
    name = lock_name(project.name)
    engine.containers.create(shop, "true", name=name, labels={"deployer.service": project.name})
    assert severities(checks.lock(ours, project.name)) == {"lock": "ok"}  # somebody may just be taking it
    monkeypatch.setattr(checks, "TAKING", 0.0)
    (finding,) = checks.lock(ours, project.name)
    assert finding.severity.name == "WARNING"
    assert fix(finding).severity.name == "OK"
    assert ours.container(name) is None


@shows("engine.restarts ok", "engine.restarts broken")
def test_containers_that_keep_dying(
    engine: DockerClient, ours: Engine, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = service_name()
    inspected = checks.inspected
    # Those of other tests may keep dying at the same time.
    monkeypatch.setattr(
        checks, "inspected", lambda engine: (each for each in inspected(engine) if name in each["Name"])
    )
    engine.containers.run(
        shop, ["sh", "-c", "exit 1"], name=name, detach=True, restart_policy={"Name": "always"}
    )
    try:
        until(lambda: engine.containers.get(name).attrs["RestartCount"] > 0, "it has died once")
        until(lambda: any(name in each.evidence for each in checks.restarts(ours)), "it is found")
    finally:
        engine.containers.get(name).remove(force=True)
    assert not any(name in each.evidence for each in checks.restarts(ours))


def test_one_that_the_kernel_killed_for_its_memory(engine: DockerClient, ours: Engine, shop: str) -> None:
    name = service_name()
    eats = ["python3", "-c", "x = [b'1' * 1_000_000 for _ in range(1000)]"]
    made = engine.containers.create(shop, eats, name=name, mem_limit="16m", memswap_limit="16m")

    def the_engine_knows() -> bool:
        """A busy engine may hear of the end before it hears why, and forgets the why."""
        made.start()
        made.wait(timeout=60)
        made.reload()
        return bool(made.attrs["State"]["OOMKilled"])

    try:
        until(the_engine_knows, "the engine has noticed that the kernel killed it")
        found = [each for each in checks.restarts(ours) if name in each.evidence]
        assert [each.severity.name for each in found] == ["ERROR"]
    finally:
        made.remove(force=True)


@shows("engine.version ok", "engine.version broken")
def test_versions() -> None:
    assert severities(checks.version({"ServerVersion": "20.10.24+dfsg1"})) == {"version": "ok"}
    assert severities(checks.version({"ServerVersion": "29.0.1"})) == {"version": "ok"}
    assert severities(checks.version({"ServerVersion": "19.03.15"})) == {"version": "error"}


@shows(
    *(f"host.{check} {state}" for check in ("disk", "inodes", "logs", "ports") for state in ("ok", "broken"))
)
def test_a_small_disk_that_fills_a_log_that_grows_and_a_port_that_is_open(
    engine: DockerClient, shop: str, project: Project
) -> None:
    """Real ones: a tmpfs of 32 MiB with 60 inodes, a file, a socket."""
    name = service_name()
    folder, config = "/var/lib/docker", load(project.config(), environ={})
    room = {folder: "size=32m,nr_inodes=60"}
    made = engine.containers.run(shop, ["sleep", "1000"], name=name, detach=True, tmpfs=room, init=True)

    def looked() -> dict[str, set[str]]:
        """Of each check, the severities."""
        text = facts.script(socket="/nowhere.sock", docker_root=folder)
        _, said = execute(made, ["sh", "-c", text])
        found = facts.read(said.decode(), time.time(), name)
        assert found.disks[folder].size == 32 << 20
        here = replace(found, disks={folder: found.disks[folder]})
        severities: dict[str, set[str]] = {}
        for each in (*host.disks(here, 0.1), *host.logs(here)):
            severities.setdefault(each.check, set()).add(each.severity.name)
        return severities

    try:
        assert looked() == {"disk": {"OK"}, "inodes": {"OK"}, "logs": {"OK"}}
        log = f"{folder}/containers/abc/abc-json.log"
        execute(made, ["sh", "-c", f"mkdir -p {folder}/containers/abc && truncate -s 200M {log}"])
        assert looked()["logs"] == {"WARNING"}
        execute(made, ["sh", "-c", f"head -c 31M /dev/zero > {folder}/ballast"])
        assert looked()["disk"] == {"ERROR"}
        execute(made, ["sh", "-c", f"for n in $(seq 55); do : > {folder}/$n; done"])
        assert looked()["inodes"] == {"ERROR"}
    finally:
        made.remove(force=True)
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        found = facts.here("/var/run/docker.sock")
        assert any(str(port) in each.evidence for each in host.ports(found, config))
    closed = replace(found, listening=tuple(each for each in found.listening if each.startswith("127.")))
    assert [each.severity.name for each in host.ports(closed, config)] == ["OK"]


@shows("engine.waste ok", "engine.waste broken")
def test_images_that_nothing_uses(ours: Engine, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    variant(V="nobody runs this")
    monkeypatch.setattr(checks, "WASTE", 1 << 60)
    assert severities(checks.waste(ours)) == {"waste": "ok"}
    monkeypatch.setattr(checks, "WASTE", -1)
    (finding,) = checks.waste(ours)
    assert finding.severity.name == "WARNING"
    assert finding.fix is not None
    # The image has a name: what the fix removes is not all that was found, and that is said.
    monkeypatch.setattr(checks, "_prune", lambda _engine: "0 B freed of images without a name")
    left = fix(finding)
    assert (left.severity.name, left.fix) == ("WARNING", None)
    assert "images and caches that nothing uses" in left.evidence
    assert left.remedy.endswith("(--fix was not enough: 0 B freed of images without a name)")
    assert "`deployer prune`" in left.remedy
    monkeypatch.setattr(checks, "WASTE", 1 << 60)
    assert fix(finding).severity.name == "OK"


@shows("service.certificate ok", "service.certificate broken", each=False)
@pytest.mark.parametrize(("days", "severity"), [(90, "ok"), (5, "warning"), (-1, "error")])
def test_certificates(tmp_path: Path, days: int, severity: str) -> None:
    write_certificate(tmp_path / "shop.pem", datetime.now(UTC) + timedelta(days=days))
    path = tmp_path / "config.yaml"
    path.write_text("service: {name: shop, image: shop:1, port: 80}\nedge: {tls: {certificate: shop.pem}}\n")
    assert severities(certificate.certificate(load(path, environ={}))) == {"certificate": severity}


def test_a_certificate_that_the_edge_does_not_serve_yet(shop_project: Project, ours: Engine) -> None:
    file = shop_project.folder / "shop.pem"
    write_certificate(file, datetime.now(UTC) + timedelta(days=90))
    path = shop_project.config(edge={"tls": {"port": free_port(), "certificate": file.name}})
    shop_project.run("rollout")
    config = load(path, environ={})

    def found() -> dict[str, str]:
        served = certificate.served(ours, config)
        assert served is not None
        assert "KEY" not in served
        findings = certificate.certificate(config, served)
        return {each.subject: f"{each.severity.name.lower()}: {each.evidence}" for each in findings}

    assert list(found()) == [""]
    assert found()[""].startswith("ok: good until")
    write_certificate(file, datetime.now(UTC) + timedelta(days=180))
    assert found()["edge"].startswith(f"warning: the edge serves another than {file}")
    assert found()[""].startswith("ok: ")
    seen = shop_project.json("watch", "--set", "watch.state=state", expect=None)["conditions"]
    states = {(each["what"], each["subject"]): each["state"] for each in seen}
    assert (states["certificate", "edge"], states["certificate", ""]) == ("warning", "ok")


@pytest.mark.parametrize(("days", "severity"), [(90, "warning"), (5, "warning"), (-1, "error")])
def test_the_served_one_is_looked_at_where_the_file_is_another(
    tmp_path: Path, days: int, severity: str
) -> None:
    write_certificate(tmp_path / "old.pem", datetime.now(UTC) + timedelta(days=days))
    write_certificate(tmp_path / "shop.pem", datetime.now(UTC) + timedelta(days=90))
    path = tmp_path / "config.yaml"
    path.write_text("service: {name: shop, image: shop:1, port: 80}\nedge: {tls: {certificate: shop.pem}}\n")
    config = load(path, environ={})
    served, file = certificate.certificate(config, (tmp_path / "old.pem").read_text())
    assert (served.severity.name.lower(), served.subject, file.severity.name) == (severity, "edge", "OK")
    assert served.remedy.startswith("`deployer edge upgrade`")
    (same,) = certificate.certificate(config, (tmp_path / "shop.pem").read_text())
    assert same.severity.name == "OK"
    (tmp_path / "shop.pem").unlink()
    served, file = certificate.certificate(config, (tmp_path / "old.pem").read_text())
    assert (served.severity.name.lower(), file.severity.name) == (severity, "ERROR")
    assert served.remedy.startswith("mend ")


def write_certificate(path: Path, end: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.org")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - timedelta(days=100))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(made.public_bytes(encoding) + key.private_bytes(encoding, *plain))


GREETING = b"\x4a\x00\x00\x00\x0a10.11.6-MariaDB\0\x01\0\0\0saltsalt\0%b\x21"
"""How MariaDB's first packet begins (protocol 10), up to its capabilities."""


@pytest.fixture
def database() -> Iterator[Callable[..., int]]:
    """database(greeting, address) -> the port of a server that says that first; on the loopback by itself."""
    servers = []

    def start(greeting: bytes, address: str = "127.0.0.1") -> int:
        server = socket.create_server((address, 0))
        servers.append(server)

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    line.sendall(greeting)

        threading.Thread(target=serve, daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@shows("service.database ok", "service.database broken")
def test_databases(shop_project: Project, ours: Engine, database: Callable[..., int]) -> None:
    shop_project.run("rollout")

    def found(
        host: str, port: int, kind: str = "mysql+pymysql", networks: tuple[str, ...] = ()
    ) -> dict[str, str]:
        url = f"{kind}://shop:x@{host}:{port}/shop"
        path = shop_project.config(service={"env": {"DATABASE_URL": url}, "networks": list(networks)})
        return severities(service.database(ours, load(path, environ={}), {}))

    # A release's loopback is its own: what answers at the host's it does not reach.
    loopback = database(GREETING % b"\xfe\xff")
    for its_own in ("127.0.0.1", "127.0.0.2", "localhost", "[::1]"):
        assert found(its_own, loopback) == {"database": "warning"}
    # At an address that others see too, as a database of another host has.
    bridge = ours.network("bridge")
    assert bridge is not None
    near = str(ip_network(bridge["IPAM"]["Config"][0]["Subnet"])[1])
    bare = database(GREETING % b"\xfe\xf7", near)
    with_tls = database(GREETING % b"\xfe\xff", near)
    assert found(near, with_tls) == {"database": "ok"}
    assert found(near, free_port()) == {"database": "error"}
    # The host knows no name of a network that the release joins; an address it reaches as well.
    assert found("db", 3306, networks=("data",)) == {"database": "skipped"}
    assert found("db", 3306) == {"database": "error"}
    assert found(near, with_tls, networks=("data",)) == {"database": "ok"}
    assert found(near, bare) == {"database": "warning"}
    # PostgreSQL says nothing before it is asked: whether it has TLS is not looked at.
    assert found(near, bare, "postgresql") == {"database": "ok"}
    assert service._speaks_tls(GREETING % b"\xfe\xff")
    assert not service._speaks_tls(GREETING % b"\xfe\xf7")


def test_it_runs_where_nothing_is_deployed(project: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deployer", "doctor", "-v"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 31, 32), done.stderr
    assert "nothing has been deployed here" in done.stdout
    assert "host     memory" in done.stdout
