"""What the sections of the file are made of: immutable values whose keys say themselves what may stand there.

    class Tls(Section, frozen=True, kw_only=True):
        port: Annotated[Port, Meta(description="Port for HTTPS.")] = 443

Limits, description, examples and unit are in msgspec's `Meta`; `Parsed` and `Checked` stand beside it.
`reading` makes such values of what a file says, `outline` lists their keys.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import NODEFAULT, Meta, Struct, structs

from deployer.config import units

Conflict = tuple[str, str]
"""A key, empty for the section itself, and what is wrong about it in view of others."""


class Parsed(Struct, frozen=True):
    """Mark of a type: how a value is made of what the file says.

    :ivar parse: raises ValueError with what it must be, in words.
    """

    parse: Callable[[object], Any]


class Checked(Struct, frozen=True):
    """Mark of a type: what else must hold for a value.

    :ivar check: raises ValueError with what it must be, in words.
    """

    check: Callable[[Any], object]


class Section(Struct, frozen=True, kw_only=True):
    """A mapping of the file: immutable, and strict about its keys."""

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong about keys that are right each on its own.

        :param said: the keys that are right, by name, with defaults in place of those that the file lacks.
            A wrong one is not there: what depends on it is not judged.
        """
        del said
        return iter(())


class Kind(Struct, frozen=True):
    """What may stand at a key, or in a list or mapping.

    :ivar type: str, int, float, bool, Path, list, dict, Literal, or a section.
    :ivar nullable: whether it may be None too.
    :ivar options: what a Literal may be.
    :ivar items: of a list, or the values of a mapping.
    :ivar names: the keys of a mapping.
    """

    type: Any
    nullable: bool
    metas: tuple[Meta, ...]
    parse: Callable[[object], Any] | None
    checks: tuple[Callable[[Any], object], ...]
    options: tuple[str, ...] = ()
    items: Kind | None = None
    names: Kind | None = None

    @property
    def measure(self) -> str:
        """`duration` or `size` for one; empty for anything else."""
        if self.parse is units.parse_duration:
            return "duration"
        return "size" if self.parse is units.parse_size else ""

    @property
    def section(self) -> type[Section] | None:
        """The section that stands there; None for anything else."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, Section) else None

    def said(self, name: str) -> Any:
        """What the marks say of a `Meta` attribute, the outermost first; None where none does."""
        return next((found for meta in self.metas if (found := getattr(meta, name)) is not None), None)


class Field(Struct, frozen=True):
    """A key of a section."""

    name: str
    kind: Kind
    required: bool
    default: Any
    """For a required key None."""

    @property
    def description(self) -> str:
        """What it is, in a sentence."""
        return self.kind.said("description") or ""

    @property
    def unit(self) -> str:
        """Of a plain number; empty where there is none."""
        return str((self.kind.said("extra") or {}).get("unit", ""))

    @property
    def example(self) -> Any:
        """The first one; None where there is none."""
        return (self.kind.said("examples") or [None])[0]


@functools.cache
def fields(section: type[Section]) -> dict[str, Field]:
    """The keys of a section, in order."""
    return {found.name: _field(found) for found in structs.fields(section)}


def _field(found: structs.FieldInfo) -> Field:
    default = None if found.default is NODEFAULT else found.default
    if found.default_factory is not NODEFAULT:
        default = found.default_factory()
    return Field(found.name, kind_of(found.type), found.required, default)


def kind_of(annotation: Any) -> Kind:
    """What a type with its marks comes to."""
    metas: list[Meta] = []
    marks: list[Any] = []
    nullable = False
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *found = get_args(annotation)
            # What is written further out is said of what is further in, and comes first for a description.
            metas += reversed([mark for mark in found if isinstance(mark, Meta)])
            marks = [*found, *marks]
        elif origin in (Union, types.UnionType):
            nullable = True
            annotation = next(each for each in get_args(annotation) if each is not type(None))
        else:
            break
    arguments = get_args(annotation)
    return Kind(
        origin or annotation,
        nullable,
        tuple(metas),
        next((mark.parse for mark in marks if isinstance(mark, Parsed)), None),
        tuple(mark.check for mark in marks if isinstance(mark, Checked)),
        options=arguments if origin is Literal else (),
        items=kind_of(arguments[-1]) if origin in (list, dict) else None,
        names=kind_of(arguments[0]) if origin is dict else None,
    )
