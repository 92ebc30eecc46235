"""The network of a service: a bridge with one fixed address per slot.

The edge's configuration names these addresses, so that an edge which restarts finds both slots without
asking anybody; containers that need no fixed address (hooks) get theirs from the lower half.
"""

from __future__ import annotations

import ipaddress
import zlib

from deployer.config.schema import Config
from deployer.edge.configuration import Addresses
from deployer.errors import Conflict, PreflightError
from deployer.host.engine import Engine, Inspect

POOL = ipaddress.IPv4Network("10.213.0.0/16")
"""Where subnets are taken from when the config names none; a /28 each."""

_BLUE, _GREEN = 11, 12


def network_name(service: str) -> str:
    """The network's name on the engine."""
    return f"{service}-edge"


def slot_addresses(subnet: str) -> Addresses:
    """The fixed addresses of the slots in `subnet` (at least a /28)."""
    base = ipaddress.IPv4Network(subnet).network_address
    return {"blue": str(base + _BLUE), "green": str(base + _GREEN)}


def existing_addresses(engine: Engine, service: str) -> Addresses | None:
    """The slots' addresses on the network as it stands; None where there is no network yet."""
    network = engine.network(network_name(service))
    return slot_addresses(_subnet(network)) if network else None


def ensure_network(engine: Engine, config: Config) -> Addresses:
    """Make the service's network if there is none; the slots' addresses on it.

    :raises PreflightError: the configured subnet overlaps with another network, or no free one is left.
    """
    service = config.service.name
    found = existing_addresses(engine, service)
    if found:
        return found
    wanted = config.edge.subnet
    candidates = [ipaddress.IPv4Network(wanted)] if wanted else _free_subnets(engine, service)
    problem = "every subnet of the pool is taken"
    for subnet in candidates[:64]:
        # Whoever needs no fixed address gets one where the slots are not.
        lower, upper = subnet.subnets(prefixlen_diff=1)
        dynamic = lower if subnet.prefixlen == 28 else upper
        try:
            engine.create_network(
                network_name(service),
                subnet=str(subnet),
                dynamic=str(dynamic),
                labels={"deployer.service": service, "deployer.role": "network"},
            )
        except Conflict as error:
            problem = error.message
            # Somebody else made it in the meantime: theirs is as good as ours.
            found = existing_addresses(engine, service)
            if found:
                return found
            continue
        return slot_addresses(str(subnet))
    raise PreflightError(
        f"no network for {service}: {problem}",
        remedy="set edge.subnet to a private /28 that no other network of this host uses",
    )


def _subnet(network: Inspect) -> str:
    return str(network["IPAM"]["Config"][0]["Subnet"])


def _free_subnets(engine: Engine, service: str) -> list[ipaddress.IPv4Network]:
    """The pool's subnets that no network of this engine touches, in an order of the service's own."""
    taken = [
        ipaddress.ip_network(config["Subnet"])
        for network in engine.networks()
        for config in (network.get("IPAM", {}).get("Config") or [])
        if config.get("Subnet")
    ]
    subnets = list(POOL.subnets(new_prefix=28))
    # Start at a place that hangs on the name: two services made at once rarely meet.
    start = zlib.crc32(service.encode()) % len(subnets)
    ordered = subnets[start:] + subnets[:start]
    return [
        subnet
        for subnet in ordered
        if not any(other.version == 4 and subnet.overlaps(other) for other in taken)
    ]
