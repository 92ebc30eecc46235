"""Whose cloud is spoken to, and with which keys."""

from __future__ import annotations

from msgspec import Struct


class Credentials(Struct, frozen=True):
    """Two keys, and a token where they are temporary."""

    access_key: str
    secret_key: str
    token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.access_key!r}, ****)"


class Account(Struct, frozen=True):
    """Whose cloud, and where.

    :param endpoint: address of a store that is not AWS's; empty for AWS's own.
    :param credentials: those of the config; None for what AWS's tools would use.
    """

    region: str = ""
    endpoint: str = ""
    credentials: Credentials | None = None
