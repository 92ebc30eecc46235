"""The dated table of prices, `templates/aws/prices.yaml`."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from deployer.errors import ConfigError
from deployer.resources import templates_folder

Price = Annotated[float, Meta(ge=0)]


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class RegionPrices(_Table, frozen=True):
    """What depends on the region: an hour, a GB and month, a thousand requests."""

    instance: dict[str, Price]
    database: dict[str, Price]
    disk: Price
    database_disk: Price
    storage: Price
    puts: Price
    gets: Price
    logs: Price
    address: Price


class Free(_Table, frozen=True):
    """A month's share that is free for ever."""

    alarms: int
    metrics: int
    logs: float
    transfer: float
    requests: int
    functions: int


class FirstYear(_Table, frozen=True):
    """A month's share that is free for twelve months, for accounts from before 15 July 2025."""

    instances: list[str]
    databases: list[str]
    hours: int
    disk: float
    database_disk: float
    storage: float
    puts: int
    gets: int
    address_hours: int


class Usage(_Table, frozen=True):
    """A month's traffic, where the template cannot know."""

    storage: float
    puts: int
    gets: int
    transfer: float
    requests: int
    functions: int
    logs: float


class Prices(_Table, frozen=True):
    """The whole table, in USD."""

    date: dt.date
    hours: int
    won: int
    regions: dict[str, RegionPrices]
    zone: Price
    alarm: Price
    metric: Price
    additional_metrics: Price
    transfer: Price
    requests: Price
    functions: Price
    free: Free
    first_year: FirstYear
    usage: Usage
    document: dict[str, Price]


@cache
def prices() -> Prices:
    """The table.

    :raises ConfigError: the file is not what it should be.
    """
    import yaml

    path = templates_folder() / "aws" / "prices.yaml"
    try:
        return msgspec.convert(yaml.safe_load(path.read_text("utf-8")), Prices)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as a table of prices: {error}") from None
