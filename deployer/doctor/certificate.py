"""When the edge's certificate ends: the one in the file, and the copy of it that the edge serves."""

from __future__ import annotations

import re
import ssl
import subprocess
from datetime import UTC, datetime

from deployer.config.schema import Config
from deployer.doctor.finding import Area, Finding, Findings
from deployer.edge import container as edge_container
from deployer.errors import EngineError
from deployer.host.engine import Engine
from deployer.host.shell import Shell

AREA = Area("service")
_SOON = 21
"""Days before its end from which a certificate is worth a word."""

_UPGRADE = "`deployer edge upgrade`; no request is lost"
_FIRST = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
"""The server's own; those behind it are its chain's."""


def certificate(config: Config, served: str | None = None) -> Findings:
    """When the certificate in the file ends; and the served one, where that is another.

    :param served: what the edge serves, as PEM; None: that is not looked at.
    """
    tls = config.edge.tls
    if tls is None:
        return
    path = config.root / tls.certificate
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError:
        text = ""
    try:
        if served is not None and _own(served) != _own(text):
            until = _end(served)
            remedy = _UPGRADE if _end(text) else f"mend {path}, then {_UPGRADE}"
            said = "the certificate that the edge serves"
            finding = _judged(said, until, remedy, subject="edge") if until else None
            if finding is None:
                what = f", which is good until {until:%Y-%m-%d}" if until else ""
                finding = AREA.warning(
                    "certificate", f"the edge serves another than {path}{what}", remedy, subject="edge"
                )
            yield finding
        end = _end(text)
    except OSError:
        yield AREA.skipped("certificate", "there is no openssl here to read it with")
        return
    if end is None:
        yield AREA.error("certificate", f"{path} cannot be read", "see `deployer config check`")
    else:
        yield _judged(str(path), end, f"renew it, then {_UPGRADE}") or AREA.ok(
            "certificate", f"good until {end:%Y-%m-%d}"
        )


def served(engine: Engine, config: Config) -> str | None:
    """The certificate that the edge serves, without its key; None where there is none, or it does not run."""
    edge = edge_container.find(engine, config.service.name)
    if config.edge.tls is None or edge is None or not edge_container.is_running(edge):
        return None
    shell = Shell(engine, edge["Id"])
    try:
        _, said = shell.run(
            "sed -n '/BEGIN CERT/,/END CERT/p; /END CERT/q' \"$EDGE_CERTIFICATE\"", timeout=10
        )
    except EngineError:
        return None
    finally:
        shell.close()
    # An edge from before `edge.tls` has none: that it is not as the config says is told.
    return said if _own(said) else None


def _judged(what: str, end: datetime, remedy: str, subject: str = "") -> Finding | None:
    """The finding where it has ended, or soon will."""
    days = (end - datetime.now(UTC)).total_seconds() / 86400
    if days < 0:
        return AREA.error("certificate", f"{what} ended on {end:%Y-%m-%d}", remedy, subject=subject)
    if days < _SOON:
        said = f"{what} ends in {days:.0f} days, on {end:%Y-%m-%d}"
        return AREA.warning("certificate", said, remedy, subject=subject)
    return None


def _own(pem: str) -> str:
    found = _FIRST.search(pem)
    return "".join(found[0].split()) if found else ""


def _end(pem: str) -> datetime | None:
    """When the first certificate ends; None where it cannot be read. :raises OSError: there is no openssl."""
    # The standard library reads no certificate without a peer who shows it; OpenSSL's own tool does.
    found = _FIRST.search(pem)
    asked = ["openssl", "x509", "-noout", "-enddate"]
    given = found[0] if found else ""
    said = subprocess.run(asked, input=given, capture_output=True, text=True, timeout=10, check=False)
    match = re.search(r"notAfter=(.*)", said.stdout)
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(match[1].strip()), UTC) if match else None
