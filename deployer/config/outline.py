"""The schema as a list of keys: what the near-misses, the reference and `config show` walk along."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, Field, create_model
from pydantic.fields import FieldInfo

from deployer.config import units
from deployer.config.parts import REQUIRED, Part
from deployer.config.schema import Config
from deployer.config.sections.kinds import Section, below

NOTHING: Mapping[str, Any] = types.MappingProxyType({})


class Key(Struct, frozen=True):
    """One key of the schema.

    :ivar path: from the top, as ("rollout", "smoke", "[]", "path"); "[]" stands for an item of a list.
    :ivar section: the model below it, for a mapping or a list of mappings.
    :ivar many: whether it holds a list of `section`.
    :ivar given: what the section around it has it be, in place of its own default.
    """

    path: tuple[str, ...]
    field: FieldInfo
    section: type[BaseModel] | None
    many: bool
    given: Mapping[str, Any] = NOTHING

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
        return self.field.is_required()

    @property
    def default(self) -> Any:
        """What it is when not given; None for a required key."""
        if self.name in self.given:
            return self.given[self.name]
        return None if self.required else self.field.get_default(call_default_factory=True)

    @property
    def inner(self) -> Mapping[str, Any]:
        """What it has the keys below it be: see `below`."""
        return self.default if isinstance(self.default, dict) else {}

    @property
    def measure(self) -> str:
        """`duration`, `size`, or the unit of a plain number; empty where there is none."""
        extra = self.field.json_schema_extra
        return measure(self.field) or (str(extra.get("unit", "")) if isinstance(extra, dict) else "")

    @property
    def kind(self) -> str:
        """What may stand there, in words: `text`, `list of text`, `true or false`, `a or b`, `duration`."""
        return measure(self.field) or _kind(self.field.annotation)

    @property
    def example(self) -> Any:
        """An example from the schema; None where there is none."""
        return self.field.examples[0] if self.field.examples else None


@functools.cache
def whole() -> type[Section]:
    """The whole file as one model, with every section."""
    return create_model(
        "Config",
        __base__=Section,
        __doc__=(Config.__doc__ or "").partition("\n")[0],
        **dict(map(_field, Config.parts())),
    )


def _field(part: Part[Any]) -> tuple[str, Any]:
    if part.default is REQUIRED:
        return part.name, (part.kind, Field(description=part.description))
    if part.default is None:
        return part.name, (part.kind | None, Field(default=None, description=part.description))
    if isinstance(part.default, list):
        return part.name, (part.kind, Field(default_factory=list, description=part.description))
    return part.name, (part.kind, below(part.description))


def keys_of(
    model: type[BaseModel] | None = None, path: tuple[str, ...] = (), given: Mapping[str, Any] = NOTHING
) -> Iterator[Key]:
    """Every key below `model`, or of the whole file; in its order, each section before its own keys."""
    for name, field in (model or whole()).model_fields.items():
        section, many = _section(field.annotation)
        key = Key((*path, name), field, section, many, given)
        yield key
        if section is not None:
            yield from keys_of(section, (*key.path, "[]") if many else key.path, key.inner)


def section_at(location: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that describes the mapping at `location`; None where none does, as below `env`."""
    model: type[BaseModel] | None = whole()
    for step in location:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step) if model else None
        model = _section(field.annotation)[0] if field else None
    return model


def field_at(location: Sequence[str | int]) -> FieldInfo | None:
    """The field at `location`; None where there is none."""
    section = section_at(location[:-1])
    name = location[-1] if location else None
    return section.model_fields.get(name) if section and isinstance(name, str) else None


def measure(field: FieldInfo) -> str:
    """`duration` or `size` for a field that is one, else empty."""
    for mark in _marks(field.annotation, field.metadata):
        if isinstance(mark, BeforeValidator):
            if mark.func is units.parse_duration:
                return "duration"
            if mark.func is units.parse_size:
                return "size"
    return ""


def _marks(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[Any]:
    yield from metadata
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from marks
        yield from _marks(inner)
    elif get_origin(annotation) in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _marks(option)


def _bare(annotation: Any) -> Any:
    """The type without Annotated and without None."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(option for option in get_args(annotation) if option is not type(None))
        else:
            return annotation


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    bare = _bare(annotation)
    many = get_origin(bare) is list
    if many:
        bare = _bare(get_args(bare)[0])
    is_model = isinstance(bare, type) and issubclass(bare, BaseModel)
    return (bare if is_model else None), many


_KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


def _kind(annotation: Any) -> str:
    bare = _bare(annotation)
    arguments = get_args(bare)
    if get_origin(bare) is Literal:
        return " or ".join(map(str, arguments))
    if get_origin(bare) is list:
        inner = _kind(arguments[0])
        return "list of commands" if inner.startswith("list") else f"list of {inner}"
    if get_origin(bare) is dict:
        return f"mapping of names to {_kind(arguments[1])}"
    return _KINDS.get(bare, "mapping")
