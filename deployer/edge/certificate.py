"""The edge's certificate, from the files that the config names."""

from __future__ import annotations

import ssl
from pathlib import Path

from deployer.config.sections.edge import Tls
from deployer.errors import ConfigError


def certificate(tls: Tls, root: Path) -> str:
    """The PEM that HAProxy reads: certificate, chain and key in one.

    :param root: the folder that relative paths start from.
    :raises ConfigError: a file is missing or unreadable, or the key is not the certificate's own.
    """
    chain, key = root / tls.certificate, root / tls.key if tls.key else None
    text = _read("certificate", chain) + (_read("key", key) if key else "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # The password: OpenSSL would ask for one on the terminal, and HAProxy has none.
        context.load_cert_chain(chain, key, password="")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"edge.tls: {chain} and its key cannot be used: {_reason(error)}",
            remedy="edge.tls.certificate is a PEM file with the certificate, then its chain; edge.tls.key, "
            "or the same file, has the certificate's own key, without a password",
        ) from error
    return text


def _read(key: str, file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip() + "\n"
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a PEM file"
        raise ConfigError(
            f"edge.tls.{key}: {file} cannot be read ({reason})",
            remedy="give the path of a PEM file, relative to the folder of config.yaml",
        ) from error


def _reason(error: Exception) -> str:
    """OpenSSL's words without the place in its source."""
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else str(error)
