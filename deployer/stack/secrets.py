"""The secrets of a stack: parameters of the store, SecureString. A value goes in, and never comes out."""

from __future__ import annotations

import re
import secrets as chance
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from deployer.aws.refusals import answered
from deployer.aws.session import mapped
from deployer.errors import CloudError
from deployer.events import Note
from deployer.stack.cloud import Cloud
from deployer.stack.layout import DATABASE_PASSWORD, ORIGIN_SECRET
from deployer.stack.work import Work

_LONGEST = 4096
"""Bytes of a parameter of the standard tier, which costs nothing."""

_RANDOM = 24
"""Bytes of chance: 32 characters. RDS takes 41 at most, and no '/', '@', '"' or space."""


class Secret(Struct, frozen=True):
    """A parameter, without its value.

    :ivar generated: made by chance when the stack is applied; the others are given by a person.
    :ivar since: when it was last written, as ISO 8601; empty where it is not there.
    """

    name: str
    path: str
    generated: bool
    since: str = ""
    version: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "path": self.path,
            "generated": self.generated,
            "there": bool(self.since),
            "since": self.since or None,
            "version": self.version,
        }


def listed(work: Work) -> list[Secret]:
    """All that the stack knows of, there or not. :raises CloudError: the store cannot be asked."""
    paths = {f"{work.secrets_prefix}/{name}": name for name in work.secrets}
    found: dict[str, dict[str, Any]] = {}
    client = work.cloud.client("ssm", work.region)
    names = list(paths)
    for start in range(0, len(names), 10):  # it takes ten at a time
        with mapped(f"looking for parameters below {work.secrets_prefix}"):
            # Not decrypted: nobody here needs the values.
            answer = client.get_parameters(Names=names[start : start + 10], WithDecryption=False)
        found |= {each["Name"]: each for each in answer["Parameters"]}
    return [_secret(name, path, name in work.generated, found.get(path)) for path, name in paths.items()]


def wrong(name: str, value: str) -> str:
    """What is wrong with a value, empty for nothing; AWS would only say so when the stack is changed."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "is no text in UTF-8; PowerShell's `>` writes UTF-16"
    if not 0 < size <= _LONGEST:
        return f"has {size:,} bytes: 1 to {_LONGEST:,} are taken"
    if name in _SHAPES and not re.fullmatch(_SHAPES[name][0], value):
        return _SHAPES[name][1]
    return ""


_SHAPES = {
    DATABASE_PASSWORD: (
        r"(?![^ ]*[/@\" ])[!-~]{8,41}",
        'must be 8 to 41 letters, digits and signs, but / @ "',
    ),
    ORIGIN_SECRET: (r"[!-~]{20,}", "must be 20 letters, digits and signs at least: it is sent as a header"),
}


def put(cloud: Cloud, region: str, path: str, value: str, *, replace: bool = True) -> bool:
    """Write a value; whether it was written.

    :param replace: False leaves one that is there as it is, whoever was first.
    :param value: that `wrong` says nothing of.
    :raises CloudError: it is refused; the value is in no message.
    """
    try:
        with mapped(f"writing parameter {path} in {region}"):
            cloud.client("ssm", region).put_parameter(
                Name=path, Value=value, Type="SecureString", Overwrite=replace
            )
    except CloudError as error:
        if not replace and answered(error)[0] == "ParameterAlreadyExists":
            return False
        raise
    return True


def make_missing(work: Work) -> Sequence[str]:
    """Make those by chance that are generated and not there; their paths. Others that lack are only told."""
    made = []
    for secret in listed(work):
        if secret.since:
            continue
        if not secret.generated:
            work.emit(
                Note(
                    f"the secret {secret.name} is not there: `deployer infra secrets {secret.name}` gives it"
                )
            )
        elif put(work.cloud, work.region, secret.path, chance.token_urlsafe(_RANDOM), replace=False):
            work.emit(Note(f"made the secret {secret.path}"))
            made.append(secret.path)
    return made


def _secret(name: str, path: str, generated: bool, found: dict[str, Any] | None) -> Secret:
    if found is None:
        return Secret(name, path, generated)
    at = found.get("LastModifiedDate")
    return Secret(name, path, generated, at.isoformat() if at else "unknown", int(found.get("Version", 0)))
