"""Checks of the service as it serves: in order, answering, its certificate, its database, its model."""

from __future__ import annotations

import base64
import re
import shlex
import urllib.parse
from collections.abc import Mapping
from typing import Any

from deployer.config.schema import Config
from deployer.config.secrets import resolve
from deployer.doctor.certificate import certificate, served
from deployer.doctor.finding import Area, Findings, Fix
from deployer.doctor.model import model
from deployer.edge import container as edge_container
from deployer.edge.configuration import OUTDATED, RENEWED, SETTINGS, settings
from deployer.errors import ConfigError, DeployerError
from deployer.events import ignore
from deployer.host.engine import Engine
from deployer.host.shell import Shell
from deployer.rollout import commands
from deployer.rollout.operation import Operation
from deployer.rollout.status import status

AREA = Area("service")
_DATABASE = re.compile(r"^(mysql|mariadb|postgres)[a-z0-9+]*://")
_DATABASE_PORTS = {"mysql": 3306, "mariadb": 3306, "postgres": 5432}
_TLS_FLAG = 0x0800
"""CLIENT_SSL among the capabilities of a MySQL server's greeting."""


def check_service(engine: Engine, config: Config, environ: Mapping[str, str]) -> Findings:
    """All of them."""
    yield from state(engine, config, environ)
    yield from certificate(config, served(engine, config))
    yield from database(engine, config, environ)
    yield from model(config, environ)


def state(engine: Engine, config: Config, environ: Mapping[str, str]) -> Findings:
    """Whether what serves is in order, and the edge as the config has it."""

    def recover() -> str:
        commands.recover(Operation(engine, config, ignore, environ))
        return "put right, as `deployer recover` does"

    found = status(engine, config)
    yield from release(found, Fix(recover, lambda: release(status(engine, config))))
    if found["active"] is None:
        return
    container = edge_container.find(engine, config.service.name)
    made_from = ((container or {}).get("Config", {}).get("Labels") or {}).get(SETTINGS)
    if made_from not in (None, settings(config)):
        yield AREA.warning("drift", OUTDATED, RENEWED)
    else:
        yield AREA.ok("drift", "the edge is as the config says")


def release(found: Mapping[str, Any], recover: Fix | None = None) -> Findings:
    """Whether a release serves, from a status (`deployer.rollout.status.status`).

    :param recover: puts right what needs recovery.
    """
    active, edge = found["active"], found["edge"]
    if active is None:
        yield AREA.skipped("release", "nothing has been deployed here")
        return
    if found["recovery_needed"]:
        yield AREA.error("release", "; ".join(found["recovery_needed"]), "`deployer recover`", recover)
    elif not active.get("ready"):
        yield AREA.error(
            "release",
            f"{active['release']} does not pass the edge's health check",
            "`deployer logs`; `deployer rollback` if the one before was better",
        )
    else:
        yield AREA.ok("release", f"{active['release']} serves")
    if edge and edge["maintenance"]:
        yield AREA.warning("maintenance", "requests are answered 503", "`deployer edge maintenance off`")
    else:
        yield AREA.ok("maintenance", "requests are let through")


def database(engine: Engine, config: Config, environ: Mapping[str, str]) -> Findings:
    """Whether the databases that the service is given can be reached from the host, and speak TLS."""
    for name, value in config.service.env.items():
        try:
            url = resolve(value, environ, key=f"service.env.{name}")
        except ConfigError as error:
            if "DATABASE" in name.upper():
                yield AREA.error("database", error.message, "give the secret, or mend the reference")
            continue
        if not _DATABASE.match(url):
            continue
        kind = next(kind for kind in _DATABASE_PORTS if url.startswith(kind))
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname or "", parts.port or _DATABASE_PORTS[kind]
        except ValueError:
            # What Python says of it would show a piece of the password.
            yield AREA.error(
                "database",
                f"{name}: is no address as a database has one",
                "in its password, write characters such as / # ? @ as %2F %23 %3F %40",
            )
            continue
        if _is_loopback(host):
            yield AREA.warning(
                "database",
                f"{name}: {host} is the release's own container there, not the host",
                "give its name in one of service.networks, or an address that the host has on a network",
            )
            continue
        if config.service.networks and "." not in host and ":" not in host:
            networks = ", ".join(config.service.networks)
            yield AREA.skipped("database", f"{name}: {host} may be a name that only {networks} knows")
            continue
        greeting = _greeting(engine, config, host, port)
        if greeting is None:
            yield AREA.skipped("database", f"{name}: nothing here to ask {host}:{port} from; deploy first")
        elif greeting == b"refused":
            yield AREA.error(
                "database",
                f"{name}: {host}:{port} does not answer the host",
                "look whether it runs, and whether its security group lets this host in",
            )
        elif kind != "postgres" and not _speaks_tls(greeting):
            yield AREA.warning(
                "database",
                f"{name}: {host}:{port} answers, and offers no TLS",
                "let it require TLS: passwords pass by",
            )
        else:
            yield AREA.ok("database", f"{name}: {host}:{port} answers")


def _greeting(engine: Engine, config: Config, host: str, port: int) -> bytes | None:
    """The first bytes that a server sends to the host; `refused` where none answers; None: nobody to ask."""
    edge = edge_container.find(engine, config.service.name)
    if edge is None or not edge_container.is_running(edge):
        return None
    shell = Shell(engine, edge["Id"])
    script = (
        'timeout 3 bash -c \'exec 3<>"/dev/tcp/$1/$2" || exit; timeout 1 head -c 80 <&3 | base64 -w0; '
        f"echo; echo reached' - {shlex.quote(host)} {port}"
    )
    try:
        _, said = shell.run(script, timeout=10)
    except DeployerError:
        return None
    finally:
        shell.close()
    lines = said.split()
    if "reached" not in lines:
        return b"refused"
    try:
        return base64.b64decode(lines[0]) if len(lines) > 1 else b""
    except ValueError:
        return b""


def _speaks_tls(greeting: bytes) -> bool:
    """Whether a MySQL server's greeting offers TLS."""
    if len(greeting) < 6 or greeting[4] != 10:
        return True  # it is something else, or says nothing first
    version_end = greeting.find(b"\0", 5)
    at = version_end + 1 + 4 + 8 + 1
    return len(greeting) < at + 2 or bool(int.from_bytes(greeting[at : at + 2], "little") & _TLS_FLAG)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None
