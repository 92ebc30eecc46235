"""A config as data and as YAML again, fit to be shown: secrets masked, units as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployer.config import secrets, units
from deployer.config.load import TEXTS
from deployer.config.model import Section, fields
from deployer.config.schema import Config


def masked(config: Config) -> dict[str, Any]:
    """The whole config, defaults included, for `--json`: seconds, bytes, secrets masked."""
    return _whole(config, written=False)


def as_yaml(config: Config) -> str:
    """The whole config as YAML that loads again, with secrets masked; absent sections and keys left out."""
    import yaml

    return yaml.safe_dump(
        _without_none(_whole(config, written=True)), sort_keys=False, allow_unicode=True, width=100
    )


def _whole(config: Config, *, written: bool) -> dict[str, Any]:
    return {
        part.name: _value(part.name, getattr(config, part.name), "", written=written)
        for part in Config.parts()
    }


def _section(section: Section, *, written: bool) -> dict[str, Any]:
    return {
        name: _value(name, getattr(section, name), field.kind.measure if written else "", written=written)
        for name, field in fields(type(section)).items()
    }


def _value(name: str, value: Any, measure: str, *, written: bool) -> Any:
    if isinstance(value, Section):
        return _section(value, written=written)
    if isinstance(value, dict) and name in TEXTS:
        return {
            key: secrets.mask("secret" if name == "credentials" else key, text) for key, text in value.items()
        }
    if isinstance(value, str) and secrets.looks_secret(name):
        return secrets.mask(name, value)
    if isinstance(value, list):
        return [_value(name, item, measure, written=written) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is not None and measure:
        return units.format_duration(value) if measure == "duration" else units.format_size(value)
    return value


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value
