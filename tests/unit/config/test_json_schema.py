"""The JSON Schema accepts and refuses what the loader does, as far as a schema can tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.config.json_schema import json_schema
from deployer.config.load import load
from deployer.errors import ConfigError

Write = Callable[..., Path]
Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
UNDERSTOOD = {
    *("$ref", "$defs", "$schema", "anyOf", "type", "enum", "pattern", "minLength", "minimum", "maximum"),
    *("exclusiveMinimum", "minItems", "items", "properties", "required", "additionalProperties", "format"),
    *("propertyNames", "patternProperties", "title", "description", "default", "examples", "unit"),
}


def errors(value: Any, schema: Json, top: Json, path: str = "") -> Iterator[str]:
    """The part of JSON Schema that ours uses; a keyword that is not understood is an error of the test."""
    assert schema.keys() <= UNDERSTOOD, schema.keys() - UNDERSTOOD
    if "$ref" in schema:
        yield from errors(value, top["$defs"][schema["$ref"].removeprefix("#/$defs/")], top, path)
    if "anyOf" in schema and all(list(errors(value, option, top)) for option in schema["anyOf"]):
        yield f"{path}: fits no option"
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        fits = any(
            isinstance(value, TYPES[name]) and (name == "boolean") >= isinstance(value, bool)
            for name in names
        )
        if not fits:
            yield f"{path}: is no {names}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: is none of {schema['enum']}"
    if isinstance(value, str):
        yield from _text_errors(value, schema, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        low, above = schema.get("minimum", value), schema.get("exclusiveMinimum", value - 1)
        if not (low <= value <= schema.get("maximum", value) and value > above):
            yield f"{path}: is out of range"
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: is too short"
        for index, item in enumerate(value):
            yield from errors(item, schema.get("items", {}), top, f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from _object_errors(value, schema, top, path)


def _text_errors(value: str, schema: Json, path: str) -> Iterator[str]:
    if not re.search(schema.get("pattern", ""), value):
        yield f"{path}: does not match {schema['pattern']}"
    if len(value) < schema.get("minLength", 0):
        yield f"{path}: is too short"


def _object_errors(value: Json, schema: Json, top: Json, path: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{path}.{name}: is required"
    for name, item in value.items():
        yield from errors(name, schema.get("propertyNames", {}), top, f"{path}.{name}")
        patterns = [
            found for regex, found in schema.get("patternProperties", {}).items() if re.search(regex, name)
        ]
        if patterns:
            yield from errors(item, patterns[0], top, f"{path}.{name}")
        elif name in known:
            yield from errors(item, known[name], top, f"{path}.{name}")
        elif others is False:
            yield f"{path}.{name}: unknown key"
        else:
            yield from errors(item, others if isinstance(others, dict) else {}, top, f"{path}.{name}")


def judged(text: str) -> list[str]:
    schema = json_schema()
    return list(errors(yaml.safe_load(text), schema, schema))


def test_the_config_of_the_project_is_accepted() -> None:
    assert judged((ROOT / "config.yaml").read_text()) == []


SHOP = "service: {name: shop, image: a, port: 80}\n"


@pytest.mark.parametrize(
    "text",
    [
        "service: {name: shop, image: a, port: 80, env: {A: 1, B: true}, stop_timeout: 1.5h}",
        "service: {name: shop, image: a, port: 80, command: [sleep, 5], log_max_size: 1024, user: 1000}",
        SHOP + "edge: {hold: 30, subnet: 10.0.0.0/24}\nrollout: {max_error_rate: 0.1}",
        SHOP + "environments: {p: {edge: {tls: null}, service: {port: 81, env: {A: null}}}, q: }",
    ],
)
def test_what_the_loader_accepts_is_accepted(write: Write, text: str) -> None:
    load(write(text), environ={})
    assert judged(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("service: {name: Shop, image: a, port: 80}", "does not match"),
        ("service: {name: shop, image: a}", ".service.port: is required"),
        ("service: {name: shop, image: a, prot: 80, port: 80}", ".service.prot: unknown key"),
        ("service: {name: shop, image: a, port: 0}", ".service.port: is out of range"),
        ("service: {name: shop, image: a, port: 80, memory: lots}", ".service.memory: fits no option"),
        ("service: {name: shop, image: a, port: 80, env: {'A B': 1}}", ".service.env.A B: does not match"),
        (SHOP + "rollout: {strategy: rolling}", ".rollout.strategy: is none of"),
        (SHOP + "rollout: {before: [{name: a, command: []}]}", ".rollout.before[0].command: is too short"),
        ("edge: {port: 1}", ".service: is required"),
    ],
)
def test_what_the_loader_refuses_is_refused(write: Write, text: str, said: str) -> None:
    with pytest.raises(ConfigError):
        load(write(text), environ={})
    assert said in " ".join(judged(text))


@pytest.mark.parametrize(
    "part", ["{edge: {prot: 1}}", "{rollout: {smoke: [{}]}}", "{service: {port: x}}", "{environments: {}}"]
)
def test_environments_are_checked_as_parts(write: Write, part: str) -> None:
    text = SHOP + f"environments: {{p: {part}}}"
    with pytest.raises(ConfigError):
        load(write(text), env="p", environ={})
    assert judged(text) != []
