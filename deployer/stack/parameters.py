"""Where the value of a template's parameter comes from when a stack is applied."""

from __future__ import annotations

from msgspec import Struct


class StackOutput(Struct, frozen=True):
    """The output `output` of another of our stacks (`kind`), which is applied before."""

    kind: str
    output: str


class SecretParameter(Struct, frozen=True):
    """A SecureString of the parameter store in the stack's region: read when applied, given with NoEcho."""

    name: str


class SecretVersion(Struct, frozen=True):
    """Which version of a SecureString is the newest: a reference without it is the same after a change."""

    name: str


class PublicParameter(Struct, frozen=True):
    """A public parameter of AWS's own.

    Read only where the stack does not exist or has no such parameter yet, and kept (`UsePreviousValue`) ever
    after: it names the newest machine image, and another one would replace the instance.
    """

    name: str


class PrefixList(Struct, frozen=True):
    """The id, in the stack's region, of a prefix list that AWS manages, by its name."""

    name: str


Source = StackOutput | SecretParameter | SecretVersion | PublicParameter | PrefixList
