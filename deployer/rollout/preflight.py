"""Whether the host can take a rollout, found out before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.secrets import resolve_each
from deployer.config.sections.rollout import Hook
from deployer.config.units import humanize_size
from deployer.edge.state import Slot
from deployer.errors import EngineError, PreflightError
from deployer.host.engine import Engine, Inspect
from deployer.host.shell import Shell
from deployer.rollout.situation import Situation

HOOKS = ("before", "before_rollback", "after")
"""The keys of `rollout` that have hooks: who deploys is told today what a rollback would lack."""
_LEAST_MEMORY = 64 * 1024 * 1024


class Room(Struct, frozen=True):
    """What the host has left, in bytes: memory with free swap, and disk where the engine keeps its data."""

    memory: int
    disk: int


def measure(shell: Shell) -> Room:
    """Read a host's room from inside one of its containers, whose memory and disk figures are the host's."""
    _, text = shell.run(
        "grep -E '^(MemAvailable|SwapFree):' /proc/meminfo; df -B1 --output=avail / | tail -n 1"
    )
    memory, disk = 0, 0
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3:
            memory += int(words[1]) * 1024
        elif len(words) == 1 and words[0].isdigit():
            disk = int(words[0])
    return Room(memory=memory, disk=disk)


def disk_here(engine: Engine) -> int | None:
    """Bytes free where an engine of this machine keeps its data, read without any container of it.

    None where that cannot be seen from here.
    """
    folder = engine.data_folder()
    if folder is None:
        return None
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def check_disk(config: Config, free: int) -> None:
    """:raises PreflightError: less disk is free than `rollout.disk_free` wants."""
    wanted = config.rollout.disk_free
    if free < wanted:
        raise PreflightError(
            f"not enough disk for a rollout: {humanize_size(free)} free where the engine keeps its "
            f"data, {humanize_size(wanted)} wanted (rollout.disk_free); nothing was changed",
            remedy="`deployer prune` removes old images of this service; then look at `docker system df`",
        )


def check_needs(
    engine: Engine, config: Config, environ: Mapping[str, str], hooks: Sequence[str] = HOOKS
) -> None:
    """Look for what a new release's container needs, before a slot is emptied or anybody is stopped for it.

    :param hooks: the kinds of hooks that need it, too.
    :raises ConfigError: secrets cannot be had; the details list them.
    :raises PreflightError: one of `service.networks` is not there.
    """
    envs: dict[str, Mapping[str, str]] = {"service.env": config.service.env}
    for kind in hooks:
        found: Sequence[Hook] = getattr(config.rollout, kind)
        envs |= {f"rollout.{kind}[{number}].env": hook.env for number, hook in enumerate(found)}
    resolve_each(envs, environ)
    for network in config.service.networks:
        if engine.network(network) is None:
            raise PreflightError(
                f"there is no network {network} on the engine (service.networks)",
                remedy=f"`docker network create {network}`, or start what brings it along",
            )


def memory(
    engine: Engine, config: Config, situation: Situation, room: Room, standby: Slot | None
) -> tuple[int, int]:
    """Bytes free for a second release once `standby` has gone, and bytes that it needs.

    It needs what is configured, else the service's limit, else what the serving one uses.
    """
    active = situation.stored.active
    at_most = _wanted(config, lambda: _resident(engine, situation, active))
    # Exact numbers take some engines a second each: only asked for where they could matter.
    if at_most is not None and room.memory >= at_most:
        return room.memory, at_most
    needed = _wanted(config, lambda: _used(engine, situation, active)) or _LEAST_MEMORY
    return room.memory + (_used(engine, situation, standby) or 0), needed


def _wanted(config: Config, used: Callable[[], int | None]) -> int | None:
    """Bytes that a second release needs; None where that hangs on the serving one's use, and nobody knows."""
    for configured in (config.rollout.memory_free, config.service.memory):
        if configured is not None:
            return configured
    found = used()
    return None if found is None else max(_LEAST_MEMORY, found)


def check_beside(engine: Engine, config: Config, room: Room, container: Inspect) -> None:
    """Look whether a first release fits beside a container that is not ours and serves until it is ready.

    :raises PreflightError: it does not, and nothing can be held for it.
    """
    name = container["Name"].lstrip("/")
    needed = _wanted(config, lambda: _used_by(engine, name)) or _LEAST_MEMORY
    free = room.memory
    if free < needed:
        # One that an interrupted command left goes first.
        left = engine.containers({"deployer.service": config.service.name, "deployer.role": "release"})
        free += sum(_used_by(engine, item["Id"]) or 0 for item in left if item["State"] == "running")
    if free < needed:
        raise PreflightError(
            f"not enough memory for a release beside {name}: {humanize_size(free)} free, "
            f"{humanize_size(needed)} wanted (rollout.memory_free, else service.memory, else what {name} "
            "uses); nothing was changed",
            remedy="add swap, or stop the container in a quiet hour and run `deployer rollout`",
        )


def _resident(engine: Engine, situation: Situation, slot: Slot | None) -> int | None:
    """Bytes that the processes in a slot have in memory, what they share counted for each: an upper bound."""
    member = situation.member(slot)
    if member is None or not member.running:
        return 0
    try:
        return engine.resident(member.name)
    except (EngineError, ValueError):
        return None


def _used(engine: Engine, situation: Situation, slot: Slot | None) -> int | None:
    """Bytes that the container in a slot uses; None where the engine cannot tell."""
    member = situation.member(slot)
    return _used_by(engine, member.name) if member is not None and member.running else 0


def _used_by(engine: Engine, container: str) -> int | None:
    """Bytes that a running container uses; None where the engine cannot tell."""
    try:
        memory = engine.stats(container)["memory_stats"]
        return int(memory["usage"]) - int(memory.get("stats", {}).get("cache", 0))
    except (EngineError, KeyError):
        return None
