"""Whether the host can take a rollout, found out before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.config.schema import Config
from deployer.config.units import humanize_size
from deployer.edge.state import Slot
from deployer.errors import EngineError, PreflightError
from deployer.host.engine import Engine
from deployer.host.shell import Shell
from deployer.rollout.situation import Situation

_LEAST_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Room:
    """What the host has left, in bytes: memory with free swap, and disk where the engine keeps its data."""

    memory: int
    disk: int


def measure(shell: Shell) -> Room:
    """Read a host's room from inside one of its containers: /proc/meminfo and the root's disk are the host's."""
    _, text = shell.run("grep -E '^(MemAvailable|SwapFree):' /proc/meminfo; df -B1 --output=avail / | tail -n 1")
    memory, disk = 0, 0
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3:
            memory += int(words[1]) * 1024
        elif len(words) == 1 and words[0].isdigit():
            disk = int(words[0])
    return Room(memory=memory, disk=disk)


def check_disk(config: Config, room: Room) -> None:
    """:raises PreflightError: less disk is free than `rollout.disk_free` wants."""
    wanted = config.rollout.disk_free
    if room.disk < wanted:
        raise PreflightError(
            f"not enough disk for a rollout: {humanize_size(room.disk)} free where the engine keeps its data, "
            f"{humanize_size(wanted)} wanted (rollout.disk_free); nothing was changed",
            remedy="`deployer prune` removes old images of this service; then look at `docker system df`",
        )


def memory_wanted(engine: Engine, config: Config, situation: Situation) -> int:
    """Bytes that a second release needs: as configured, else the service's limit, else what the serving one uses."""
    if config.rollout.memory_free is not None:
        return config.rollout.memory_free
    if config.service.memory is not None:
        return config.service.memory
    return max(_LEAST_MEMORY, memory_used(engine, situation, situation.stored.active))


def memory_used(engine: Engine, situation: Situation, slot: Slot | None) -> int:
    """Bytes that the container in a slot uses; 0 where none runs."""
    member = situation.member(slot)
    if member is None or not member.running:
        return 0
    try:
        memory = engine.stats(member.name)["memory_stats"]
        return int(memory["usage"]) - int(memory.get("stats", {}).get("cache", 0))
    except (EngineError, KeyError):
        return 0
