"""Bridges that an engine made and knows no more: what is sent to its containers goes there instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_network

from deployer.doctor.finding import Area, Findings
from deployer.host.engine import Engine, Inspect
from deployer.host.facts import Facts

AREA = Area("host")
_MADE = re.compile(r"br-[0-9a-f]{12}")
"""How an engine names the bridge of a network: after the network's id."""


def check_bridges(facts: Facts, engine: Engine) -> Findings:
    """All of them, beside the networks that the engine has."""
    if facts.bridges:
        yield from bridges(facts, engine.networks())


def bridges(facts: Facts, networks: Sequence[Inspect]) -> Findings:
    """Whether a bridge that no network has stands in the way of one.

    They are left where the engine's folder was removed by hand. One in nobody's way may as well be that of
    a second engine on the host: that cannot be told from here, and is no finding.
    """
    known = {str(network["Id"])[:12] for network in networks}
    strange = {
        name: subnets
        for name, subnets in facts.bridges.items()
        if _MADE.fullmatch(name) and name.removeprefix("br-") not in known
    }
    found = False
    for name, subnets in sorted(strange.items()):
        for network in networks:
            taken = next(
                (f"{mine} and {its}" for mine in subnets for its in _subnets(network) if _meet(mine, its)), ""
            )
            if taken:
                found = True
                yield AREA.error(
                    "bridges",
                    f"{name} is of no network of the engine, and in the way of {network['Name']} ({taken}): "
                    "its containers cannot be reached",
                    f"`ip link delete {name}` as root; where a second engine on this host has it, give that "
                    "one other subnets",
                    subject=name,
                )
    if not found:
        others = f"; {len(strange)} of another engine, or left behind, in nobody's way" if strange else ""
        yield AREA.ok("bridges", f"none is in the way of the engine's networks{others}")


def _subnets(network: Inspect) -> list[str]:
    return [
        entry["Subnet"] for entry in (network.get("IPAM") or {}).get("Config") or () if entry.get("Subnet")
    ]


def _meet(one: str, other: str) -> bool:
    first, second = ip_network(one, strict=False), ip_network(other, strict=False)
    return first.version == second.version and first.overlaps(second)
