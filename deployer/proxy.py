"""Whether a proxy stands between us and a host, as AWS's tools decide it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from deployer.errors import ConfigError


def address(host: str, environ: Mapping[str, str]) -> str:
    """The proxy for TLS to `host`, as the variable says it; empty for the straight way."""
    said = environ.get("https_proxy") or environ.get("HTTPS_PROXY") or ""
    return "" if _direct(host, environ.get("no_proxy") or environ.get("NO_PROXY") or "") else said


def proxy(host: str, environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Host and port of the proxy for TLS to `host` (HTTPS_PROXY, NO_PROXY); None for the straight way.

    :raises ConfigError: the variable is no address.
    """
    said = address(host, environ)
    if not said:
        return None
    parts = urlsplit(said if "://" in said else f"http://{said}")
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise ConfigError(
            "HTTPS_PROXY is no address such as http://proxy:3128",
            remedy="give a proxy that is spoken to in plain HTTP and asks for no password, or set NO_PROXY",
        )
    return parts.hostname, parts.port or 80


def _direct(host: str, exceptions: str) -> bool:
    names = [name.strip().lstrip(".").lower() for name in exceptions.split(",") if name.strip()]
    return any(name in ("*", host) or host.endswith(f".{name}") for name in names)
