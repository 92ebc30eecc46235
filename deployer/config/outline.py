"""The schema as a list of keys: what the near-misses and the reference walk along."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from msgspec import Meta, Struct, defstruct
from msgspec import field as default_of

from deployer.config.model import Field, Kind, Section, fields
from deployer.config.parts import REQUIRED, Part
from deployer.config.schema import Config

_KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


class Key(Struct, frozen=True):
    """One key of the schema.

    :ivar path: from the top, as ("rollout", "smoke", "[]", "path"); "[]" stands for an item of a list.
    :ivar given: the section around it, as it is where the file says nothing; None where it has to be said.
    """

    path: tuple[str, ...]
    field: Field
    given: Section | None = None

    @property
    def name(self) -> str:
        """The key itself, without its path."""
        return self.path[-1]

    @property
    def dotted(self) -> str:
        """The path as people write it: `rollout.smoke[].path`."""
        return ".".join(self.path).replace(".[]", "[]")

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.field.required

    @property
    def many(self) -> bool:
        """Whether it holds a list of `section`."""
        return self.section is not None and self.field.kind.items is not None

    @property
    def section(self) -> type[Section] | None:
        """The section below it, for a mapping or a list of mappings."""
        kind = self.field.kind
        return (kind.items or kind).section if kind.type is not dict else None

    @property
    def default(self) -> Any:
        """What it is when not given; None for a required key."""
        return getattr(self.given, self.name, self.field.default)

    @property
    def inner(self) -> Section | None:
        """The section below it, as it is where the file says nothing; None where there is none."""
        return self.default if isinstance(self.default, Section) else None

    @property
    def measure(self) -> str:
        """`duration`, `size`, or the unit of a plain number; empty where there is none."""
        return self.field.kind.measure or self.field.unit

    @property
    def kind(self) -> str:
        """What may stand there, in words: `text`, `list of text`, `true or false`, `a or b`, `duration`."""
        return self.field.kind.measure or _in_words(self.field.kind)


@functools.cache
def whole() -> type[Section]:
    """The whole file as one section, with every part of it."""
    made = defstruct(
        "Config",
        [_part(part) for part in Config.parts()],
        bases=(Section,),
        namespace={"__doc__": (Config.__doc__ or "").partition("\n")[0]},
        frozen=True,
        kw_only=True,
    )
    return cast("type[Section]", made)


def _part(part: Part[Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    described = Meta(description=part.description)
    if part.default is REQUIRED:
        return part.name, Annotated[part.kind, described]
    if part.default is None:
        return part.name, Annotated[part.kind | None, described], None
    return (
        part.name,
        Annotated[part.kind, described],
        default_of(default_factory=lambda: part.make(part.default)),
    )


def keys_of(
    section: type[Section] | None = None, path: tuple[str, ...] = (), given: Section | None = None
) -> Iterator[Key]:
    """Every key below `section`, or of the whole file; in its order, each section before its own keys."""
    for name, field in fields(section or whole()).items():
        key = Key((*path, name), field, given)
        yield key
        if key.section is not None:
            yield from keys_of(key.section, (*key.path, "[]") if key.many else key.path, key.inner)


def section_at(location: Sequence[str | int]) -> type[Section] | None:
    """The section that describes the mapping at `location`; None where none does, as below `env`."""
    section: type[Section] | None = whole()
    for step in location:
        if isinstance(step, str):
            field = fields(section).get(step) if section else None
            section = Key((step,), field).section if field else None
    return section


def _in_words(kind: Kind) -> str:
    if kind.options:
        return " or ".join(kind.options)
    if kind.items is not None and kind.type is list:
        inner = _in_words(kind.items)
        return "list of commands" if inner.startswith("list") else f"list of {inner}"
    if kind.items is not None:
        return f"mapping of names to {_in_words(kind.items)}"
    return _KINDS.get(kind.type, "mapping")
