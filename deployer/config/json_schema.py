"""The JSON Schema of the file, for completion and checks in an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from deployer.config import outline
from deployer.config.model import Field, Kind, Section, fields

Json = dict[str, Any]
_TYPES: dict[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Path: {"type": "string", "format": "path"},
    list: {"type": "array"},
    dict: {"type": "object"},
}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_NULL: Json = {"type": "null"}


def json_schema() -> Json:
    """The schema of a whole file, environments included."""
    top = outline.whole()
    sections = sorted(_below(top), key=lambda section: section.__name__)
    environment = _section(top, part=True)
    schema = _section(top)
    schema["properties"]["environments"] = {
        "description": "Parts of a config by name; `--env NAME` merges one over the base.",
        "type": ["object", "null"],
        "additionalProperties": {**environment, "type": ["object", "null"]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.yaml",
        **schema,
        "$defs": {
            **{section.__name__: _section(section) for section in sections},
            **{f"Part{section.__name__}": _section(section, part=True) for section in sections},
        },
    }


def _below(section: type[Section]) -> set[type[Section]]:
    return {key.section for key in outline.keys_of(section) if key.section is not None}


def _section(section: type[Section], *, part: bool = False) -> Json:
    """The schema of a mapping. :param part: of a part of one, where nothing is required and null removes."""
    found = fields(section)
    required = [] if part else [name for name, field in found.items() if field.required]
    return {
        "description": (section.__doc__ or "").partition("\n")[0],
        "type": "object",
        "properties": {
            name: _or_null(_kind(field.kind, part=True)) if part else _field(field)
            for name, field in found.items()
        },
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _field(field: Field) -> Json:
    schema: Json = {"description": field.description}
    if field.unit:
        schema["unit"] = field.unit
    if field.example is not None:
        schema["examples"] = [field.example]
    if not field.required:
        schema["default"] = msgspec.to_builtins(field.default, enc_hook=str)
    return schema | _kind(field.kind)


def _kind(kind: Kind, *, part: bool = False) -> Json:
    if kind.section is not None:
        schema: Json = {"$ref": f"#/$defs/{'Part' if part else ''}{kind.section.__name__}"}
    elif kind.type is Literal:
        schema = {"type": "string", "enum": list(kind.options)}
    else:
        schema = {**_TYPES[kind.type], **_limits(kind), **(kind.said("extra_json_schema") or {})}
    if kind.items is not None and kind.type is list:
        # A list replaces the one below it, so what it holds is whole.
        schema["items"] = _kind(kind.items)
    elif kind.items is not None and kind.names is not None:
        named = _kind(kind.names)
        schema["propertyNames"] = {key: named[key] for key in ("pattern", "minLength") if key in named}
        schema["additionalProperties"] = _or_null(_kind(kind.items)) if part else _kind(kind.items)
    return _or_null(schema) if kind.nullable else schema


def _limits(kind: Kind) -> Json:
    limits = {key: limit for name, key in _LIMITS.items() if (limit := kind.said(name)) is not None}
    shortest = kind.said("min_length")
    if shortest is not None:
        limits["minItems" if kind.type is list else "minLength"] = shortest
    return limits


def _or_null(schema: Json) -> Json:
    return schema if _NULL in schema.get("anyOf", ()) else {"anyOf": [schema, _NULL]}
