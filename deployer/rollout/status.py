"""What serves, what stands by, what needs attention: for people and programs. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from deployer.config.schema import Config
from deployer.edge import container as edge_container
from deployer.edge.network import existing_addresses
from deployer.edge.session import EdgeSession
from deployer.edge.state import SLOTS, Occupant, Slot
from deployer.errors import EdgeError, EngineError
from deployer.host.engine import Engine
from deployer.host.shell import Shell
from deployer.rollout.reconcile import repairs_needed
from deployer.rollout.release import previous_of
from deployer.rollout.situation import Situation, gather


def observe(engine: Engine, config: Config, also: Callable[[Shell], None] | None = None) -> Situation:
    """The situation, with the edge asked where it answers.

    :param also: what else is to be asked of its host, in the same shell.
    """
    service = config.service.name
    edge = edge_container.find(engine, service)
    if edge is None or not edge["State"]["Running"]:
        return gather(engine, service)
    shell = Shell(engine, edge["Id"])
    try:
        shell.open()  # it comes up while we look for the rest
        addresses = existing_addresses(engine, service)
        if addresses is None:
            return gather(engine, service)
        session = EdgeSession(engine, edge, addresses, shell)
        found = gather(engine, service, session)
        if also:
            also(shell)
        return found
    except (EdgeError, EngineError):
        return gather(engine, service)
    finally:
        shell.close()


def status(engine: Engine, config: Config) -> dict[str, Any]:
    """The status as data; null where there is none.

    Keys: `service`; `active`, `previous`, `candidate` (each `{release, image, container, slot, since, ...}`);
    `edge` (`{container, status, address, maintenance, holding}`); `lock` (`{who, command, since}`);
    `recovery_needed`, a list of sentences that is empty when all is well.
    """
    return described(observe(engine, config), config)


def described(situation: Situation, config: Config) -> dict[str, Any]:
    """The status that a situation is."""
    state = situation.stored
    active = situation.live_active or state.active
    candidate: Slot | None = next(
        (slot for slot in SLOTS if state.occupant(slot) and slot not in (active, state.standby)), None
    )
    lock = situation.lock
    return {
        "service": config.service.name,
        "active": _release(situation, active),
        "previous": _previous(situation, active),
        "candidate": _release(situation, candidate),
        "edge": None
        if situation.edge == "missing"
        else {
            "container": edge_container.container_name(config.service.name),
            "status": situation.edge,
            "address": situation.address or f"{config.edge.address}:{config.edge.port}",
            "maintenance": state.maintenance,
            "holding": situation.holding,
        },
        "lock": {"who": lock.who, "command": lock.command, "since": lock.since} if lock else None,
        # Somebody at work is not somebody who died.
        "recovery_needed": [] if lock else [repair.text for repair in repairs_needed(situation)],
    }


def _release(situation: Situation, slot: Slot | None) -> dict[str, Any] | None:
    occupant: Occupant | None = situation.stored.occupant(slot)
    if occupant is None or slot is None:
        return None
    member = situation.member(slot)
    traffic = situation.traffic.get(slot)
    return {
        "release": occupant.release,
        "image": member.image if member else None,
        "container": occupant.container,
        "slot": slot,
        "since": member.since if member else None,
        "status": member.status if member else "missing",
        "ready": slot in situation.ready,
        "requests": traffic.requests if traffic else None,
        "streams": traffic.streams if traffic else None,
    }


def _previous(situation: Situation, active: Slot | None) -> dict[str, Any] | None:
    """What a rollback would bring back."""
    state = situation.stored
    if state.standby and state.standby != active:
        found = _release(situation, state.standby)
        return {**found, "warm": True, "warm_until": _time(state.warm_until)} if found else None
    occupant = state.occupant(active)
    record = next(iter(previous_of(situation.records, occupant.release if occupant else None)), None)
    if record is None:
        return None
    member = situation.members.get(record.container)
    return {
        "release": record.release,
        "image": record.image,
        "container": record.container if member else None,
        "slot": None,
        "since": None,
        "status": member.status if member else "removed",
        "warm": False,
        "warm_until": None,
    }


def _time(epoch: float) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(epoch)) if epoch else None
