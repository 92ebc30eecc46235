"""Configs of stacks for tests: every option of every part, and choices among their combinations."""

from __future__ import annotations

import copy
import functools
import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

from deployer.config.schema import Config
from deployer.errors import ConfigError
from deployer.stack.layout import layout

Settings = dict[str, Any]
Choice = Mapping[str, str]

BASE: Settings = {
    "service": {"name": "preview", "image": "preview:1", "port": 8000},
    "site": {"bucket": "previewai-frontend"},
    "stack": {"network": {"admins": ["203.0.113.7/32"]}, "alarms": {"emails": ["ops@previewai.store"]}},
}

_NAMED = {"stack": {"domain": "previewai.store", "aliases": ["www.previewai.store"]}}
_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666"
_VPC = {"vpc": "vpc-0a1b2c3d", "subnet": "subnet-0a1b2c3d"}
_SUBNETS = {"database_subnets": ["subnet-1a1b2c3d", "subnet-2a1b2c3d"]}


def merged(*parts: Settings) -> Settings:
    """Mappings merged; lists and values replaced; None removes."""
    whole: Settings = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict) and isinstance(whole.get(key), dict):
                whole[key] = merged(whole[key], value)
            else:
                whole[key] = copy.deepcopy(value)
    return {key: value for key, value in whole.items() if value is not None}


def _stack(**parts: Any) -> Settings:
    return {"stack": parts}


PARTS: dict[str, dict[str, Settings]] = {
    "names": {
        "made": _NAMED,
        "existing": merged(_NAMED, _stack(certificate=_CERTIFICATE, dns={"zone": "Z0123456789ABCDEF"})),
        "elsewhere": merged(_NAMED, _stack(dns={"enabled": False})),
        "none": {},
    },
    "bucket": {
        "made": {},
        "exists": _stack(bucket={"exists": True}),
        "off": _stack(bucket={"enabled": False}),
    },
    "cdn": {"made": {}, "off": _stack(cdn={"enabled": False})},
    "instance": {"made": {}, "off": _stack(instance={"enabled": False})},
    "database": {"made": {}, "off": _stack(database={"enabled": False})},
    "network": {"made": {}, "existing": _stack(network={**_VPC, **_SUBNETS})},
    "alarms": {"made": {}, "off": _stack(alarms={"enabled": False})},
    "logs": {"made": {}, "long": _stack(logs={"keep": 365}), "off": _stack(logs={"enabled": False})},
    "budget": {"made": {}, "off": _stack(budget={"limit": 0})},
}
"""Each part made, left out, or replaced by one that exists."""

VARIANTS: dict[str, dict[str, Settings]] = {
    "site": {
        "whole": {},
        "folder": {"site": {"prefix": "shop/", "spa": False, "redirects": {"/old": "/new"}}},
        "elsewhere": {"site": {"distribution": "E2ABCDEFGHIJKL", "region": "ap-northeast-2"}},
    },
    "machine": {
        "usual": {},
        "own": _stack(
            instance={
                "image": "ami-0123456789abcdef0",
                "profile": "own-profile",
                "key_pair": "ops",
                "groups": ["sg-0a1b2c3d"],
                "wait": False,
            }
        ),
        "large": _stack(instance={"type": "m5.large", "disk": 100}),
        "unlimited": _stack(instance={"credits": "unlimited", "type": "t3.medium"}),
    },
    "data": {
        "usual": {},
        "old": _stack(database={"version": "10.11", "backups": 1, "protected": False, "name": "shop"}),
        "strict": _stack(
            database={"version": "11.8", "standby": True, "tls": True, "instance": "db.t4g.small"}
        ),
    },
    "doors": {
        "one": {},
        "none": _stack(network={"admins": []}),
        "many": _stack(
            network={
                "admins": ["203.0.113.7/32", "198.51.100.0/24"],
                "webhooks": ["192.30.252.0/22"],
                "prefix_list": "pl-22a6434b",
            }
        ),
    },
    "told": {
        "by mail": {},
        "topic": _stack(alarms={"topic": "arn:aws:sns:ap-northeast-2:123456789012:ops", "p99": 0}),
    },
    "secrets": {"few": {}, "more": _stack(secrets={"prefix": "/prod/shop", "names": ["gemini-key"]})},
    "host": {
        "usual": {},
        "keys": {"prepare": {"keys": ["ssh-ed25519 AAAAC3Nza ops"], "swap": 0, "firewall": False}},
        "long": {"prepare": {"keys": [f"ssh-rsa {number:0512d} admin{number}" for number in range(14)]}},
    },
    "region": {"seoul": {}, "virginia": _stack(region="us-east-1", tags={"team": "shop"})},
}
"""How a part is made."""

ALL = {**PARTS, **VARIANTS}


def settings(choice: Choice) -> Settings:
    """What a config says for a choice of levels; what it does not name is as usual."""
    return merged(BASE, *(ALL[name][level] for name, level in choice.items()))


def config(choice: Choice | None = None, **more: Any) -> Config:
    """A config of a choice, in memory.

    :param more: sections merged over it.
    """
    return Config.of(merged(settings(choice or {}), more))


def fits(choice: Choice) -> bool:
    """Whether the parts go together. (A topic of another region does not, say.)"""
    try:
        layout(config(choice))
    except ConfigError:
        return False
    return True


def product(options: Mapping[str, Mapping[str, object]]) -> Iterator[dict[str, str]]:
    """Every combination that fits."""
    for levels in itertools.product(*options.values()):
        choice = dict(zip(options, levels, strict=True))
        if fits(choice):
            yield choice


@functools.cache
def every_two() -> list[dict[str, str]]:
    """Combinations in which every two levels of any two options meet."""
    return pairwise(ALL)


def pairwise(options: Mapping[str, Mapping[str, object]], seed: int = 1) -> list[dict[str, str]]:
    """Combinations in which every two levels of two options meet, as far as they fit together at all."""
    chance = random.Random(seed)
    names = list(options)
    open_ = {
        frozenset(((a, x), (b, y)))
        for a, b in itertools.combinations(names, 2)
        for x in options[a]
        for y in options[b]
    }
    chosen = []
    while open_:
        # Sorted, since the order of a set is another one in each process.
        start = min(open_, key=sorted)
        best: dict[str, str] | None = None
        covered: set[frozenset[tuple[str, str]]] = set()
        for _ in range(40):
            choice = {name: chance.choice(list(options[name])) for name in names} | dict(start)
            pairs = {frozenset(pair) for pair in itertools.combinations(choice.items(), 2)} & open_
            if len(pairs) > len(covered) and fits(choice):
                best, covered = choice, pairs
        if best is None:
            open_.discard(start)  # these two never go together
            continue
        open_ -= covered
        chosen.append(best)
    return chosen
