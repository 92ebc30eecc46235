"""Where the value of a template's parameter comes from when a stack is applied."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StackOutput:
    """The output `output` of another of our stacks (`kind`), which is applied before."""

    kind: str
    output: str


@dataclass(frozen=True, slots=True)
class SecretParameter:
    """A SecureString of the parameter store in the stack's region: read when applied, given with NoEcho."""

    name: str


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """Which version of a SecureString is the newest: a reference without it is the same after a change."""

    name: str


@dataclass(frozen=True, slots=True)
class PublicParameter:
    """A public parameter of AWS's own.

    Read only where the stack does not exist or has no such parameter yet, and kept (`UsePreviousValue`) ever
    after: it names the newest machine image, and another one would replace the instance.
    """

    name: str


@dataclass(frozen=True, slots=True)
class PrefixList:
    """The id, in the stack's region, of a prefix list that AWS manages, by its name."""

    name: str


Source = StackOutput | SecretParameter | SecretVersion | PublicParameter | PrefixList
