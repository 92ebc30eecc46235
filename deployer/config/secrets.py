"""Secrets: references resolved at the last moment, and values that must not be shown.

A `Config` holds references only. `resolve` is called where a container is created, and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from deployer.config.references import Reference, has_reference, parse
from deployer.errors import ConfigError

MASK = "****"
MAX_FILE = 1024 * 1024

Resolver = Callable[[str], str]
"""From the name in a reference to the secret; raises LookupError with the reason when there is none."""

_SECRET_NAME = re.compile(
    r"(^|[_.-])(password|passwd|passphrase|pwd|pass|token|secret|key|apikey|credentials?|webhook)$",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(
    r"(?P<before>[a-z][a-z0-9+.-]*://[^/\s:@]*:)(?P<password>[^/\s@]+)(?=@)", re.IGNORECASE
)


def resolve(
    text: str,
    environ: Mapping[str, str] = os.environ,
    *,
    key: str = "",
    resolvers: Mapping[str, Resolver] | None = None,
) -> str:
    """`text` with its references replaced by what they stand for, and `$${` by `${`.

    :param key: the config's key, for the error.
    :param resolvers: further kinds of references, or others for the known ones.
    :raises ConfigError: a secret cannot be had; the error names the key and the reference, never a value.
    """
    known = {"env": _from(environ), "file": _file, "ssm": _ssm, **(resolvers or {})}
    prefix = f"{key}: " if key else ""
    try:
        pieces = parse(text)
    except ValueError as error:
        raise ConfigError(f"{prefix}{error}") from None
    resolved = []
    for piece in pieces:
        if isinstance(piece, Reference):
            try:
                resolved.append(known[piece.scheme](piece.name))
            except LookupError as error:
                reason = error.args[0] if error.args else "cannot be resolved"
                raise ConfigError(f"{prefix}{piece} {reason}") from None
        else:
            resolved.append(piece)
    return "".join(resolved)


def resolve_all(
    values: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
    *,
    key: str = "service.env",
    resolvers: Mapping[str, Resolver] | None = None,
) -> dict[str, str]:
    """A whole `env` with its references resolved.

    :raises ConfigError: with every secret that cannot be had in `details`.
    """
    return resolve_each({key: values}, environ, resolvers=resolvers)[key]


def resolve_each(
    groups: Mapping[str, Mapping[str, str]],
    environ: Mapping[str, str] = os.environ,
    *,
    resolvers: Mapping[str, Resolver] | None = None,
) -> dict[str, dict[str, str]]:
    """Several of them, each by the config's key that it stands at.

    :raises ConfigError: with every secret of all of them that cannot be had in `details`.
    """
    resolved: dict[str, dict[str, str]] = {key: {} for key in groups}
    missing: dict[str, list[str]] = {}
    for key, values in groups.items():
        for name, text in values.items():
            try:
                resolved[key][name] = resolve(text, environ, key=f"{key}.{name}", resolvers=resolvers)
            except ConfigError as error:
                missing.setdefault(key, []).append(error.message)
    if missing:
        details = [line for lines in missing.values() for line in lines]
        count = "1 secret" if len(details) == 1 else f"{len(details)} secrets"
        raise ConfigError(
            f"{', '.join(missing)}: {count} cannot be had",
            details=details,
            remedy="provide them to whoever runs the deployer; `deployer config check` tries them all",
        )
    return resolved


def looks_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold a secret: `DB_PASSWORD`, `API_TOKEN`."""
    return _SECRET_NAME.search(name) is not None


def holds_literal_secret(name: str, text: str) -> bool:
    """Whether `text` seems to hold a secret itself, rather than a reference to one."""
    if looks_secret(name):
        return text != "" and not has_reference(text)
    return mask(name, text) != text


def passwords(text: str) -> list[str]:
    """The passwords in the URLs of a text."""
    return [match["password"] for match in _URL_PASSWORD.finditer(text)]


def mask(name: str, text: str) -> str:
    """`text` fit to be shown: references as written, literals of secret-looking names as ****.

    Passwords inside URLs are masked whatever the name.
    """
    try:
        pieces = parse(text)
    except ValueError:
        return MASK
    if looks_secret(name):
        return "".join(str(piece) if isinstance(piece, Reference) else MASK for piece in pieces)

    def hide(match: re.Match[str]) -> str:
        return match["before"] + mask("password", match["password"])

    return _URL_PASSWORD.sub(hide, text)


def _from(environ: Mapping[str, str]) -> Resolver:
    def variable(name: str) -> str:
        if name not in environ:
            raise LookupError("is not set in the environment")
        return environ[name]

    return variable


def _file(name: str) -> str:
    path = Path(name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise LookupError("is larger than 1 MB")
        # Editors and `echo` end a file with a newline, which no password has.
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise LookupError(f"cannot be read ({error.strerror or 'unreadable'})") from None
    except UnicodeDecodeError:
        raise LookupError("is not UTF-8 text") from None


def _ssm(name: str) -> str:
    # The one arrow that goes up: a reference is resolved wherever it stands, and few configs have any.
    from deployer.aws.parameters import parameter

    return parameter(name)
