"""Secrets that have got into an event all the same: a database's error that repeats its password, say.

Events are made without secrets. But they repeat what others said, and what has left this machine does
not come back.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from deployer.config.references import has_reference, references
from deployer.config.secrets import MASK, looks_secret, passwords, resolve
from deployer.errors import ConfigError

if TYPE_CHECKING:
    from deployer.config.schema import Config

SHORTEST = 6
"""What is shorter would be found in innocent words."""

INHERITED = 12
"""The same for what only its variable says is secret: POSTGRES_PASSWORD=postgres must not hide an image."""


class Mask:
    """Replaces each of the secrets by ****."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found = {line for secret in secrets for line in (secret, *secret.splitlines())}
        # The longest first: one may be a part of another.
        self._secrets = sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def all(self, value: Any) -> Any:
        """Every text in a value made of mappings and lists."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.all(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.all(item) for item in value]
        return value

    def __repr__(self) -> str:
        return f"Mask(of {len(self._secrets)})"


def secrets_of(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """What the config's references to variables and files stand for, as far as they can be had here.

    And what is a secret by its name: written out in the config, or in the environment, which every command
    that is run inherits. What the config says openly elsewhere is none: a password that is the service's name
    cannot be hidden, and its name must not be.
    """
    said = config.dump(*config.made)
    openly = "\n".join(_openly(said))
    inherited = (value for name, value in environ.items() if looks_secret(name) and len(value) >= INHERITED)
    found = [*_written_out(said), *inherited]
    for reference in references(said):
        if reference.scheme == "ssm":
            continue  # a question to AWS for each, only to hide what was not asked for
        if reference.scheme == "file" and not os.path.isfile(reference.name):  # noqa: PTH113 -- as below
            continue  # a pipe can be read once, by whoever needs the secret
        with contextlib.suppress(ConfigError):
            found.append(resolve(str(reference), environ))
    # Some variables whose name says "key" hold the path of one.
    for secret in found:
        # pathlib raises for what cannot be a path: most secrets are too long for one, or have lines.
        if secret not in openly and not os.path.exists(secret):  # noqa: PTH110
            yield secret


def _written_out(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _written_out(item, key if key == "credentials" else name)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _written_out(item, key)
    elif isinstance(value, str):
        found = [value] if looks_secret(key) else passwords(value)
        yield from (each for each in found if not has_reference(each))


def _openly(value: Any, key: str = "") -> Iterator[str]:
    """The texts that are neither variables of the service nor secret by their name."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name not in ("env", "credentials", "args", "labels"):
                yield from _openly(item, name)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _openly(item, key)
    elif isinstance(value, str) and not looks_secret(key) and not has_reference(value):
        yield value
