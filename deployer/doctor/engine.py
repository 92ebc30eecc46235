"""Checks of a Docker engine and of what it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from deployer.config.schema import Config
from deployer.config.units import humanize_size
from deployer.doctor.finding import Area, Finding, Findings, Fix
from deployer.errors import DeployerError, Interrupted
from deployer.host.engine import Engine, Inspect
from deployer.host.lock import lock_name, on_all_hosts

AREA = Area("engine")
GIB = 1024**3
OLDEST = (20, 10)
"""The oldest engine that the deployer is tested on."""

WASTE = 5 * GIB
"""Bytes that nothing uses from which a word is said."""

TAKING = 10.0
"""Seconds for which a lock that does not run may be one that is just being taken or given."""

_RESTARTS = 3
_HELD = 3600.0
"""Seconds after which a held lock is worth a question."""


def check_engine(engine: Engine, config: Config) -> Findings:
    """All of them."""
    yield from version(engine.info())
    yield from waste(engine)
    yield from restarts(engine)
    yield from lock(engine, config.service.name)


def version(info: Inspect) -> Findings:
    """Whether the engine is one that we know."""
    said = str(info.get("ServerVersion", "?"))
    numbers = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    if numbers and numbers < OLDEST:
        yield AREA.error("version", f"Docker {said}", "update it to 20.10 or later")
    else:
        yield AREA.ok("version", f"Docker {said}, {info.get('Driver', '?')}")


def waste(engine: Engine) -> Findings:
    """Images that no container uses, and what a build left."""
    usage = engine.disk_usage()
    images = usage.get("Images") or []
    unused = sum(
        image["Size"] - max(image.get("SharedSize", 0), 0) for image in images if not image["Containers"]
    )
    cache = sum(entry.get("Size", 0) for entry in usage.get("BuildCache") or () if not entry.get("InUse"))
    said = f"{humanize_size(unused + cache)} in images and caches that nothing uses"
    if unused + cache > WASTE:
        yield AREA.warning(
            "waste",
            said,
            "`deployer prune` for this service's; `docker image prune -a --filter until=168h` for all",
            Fix(lambda: _prune(engine), lambda: waste(engine)),
        )
    else:
        yield AREA.ok("waste", said)


def restarts(engine: Engine) -> Findings:
    """Containers that keep dying, were killed for memory, or say that they are not well."""
    found = False
    for container in inspected(engine):
        finding = unwell(container) or _often(container)
        if finding:
            found = True
            yield finding
    if not found:
        yield AREA.ok("restarts", "no container keeps dying")


def published(engine: Engine) -> frozenset[int] | None:
    """The ports that containers publish; None: the engine does not tell."""
    try:
        listed = engine.containers(every=False)
    except Interrupted:
        raise
    except DeployerError:  # the connection to a host may have gone, too
        return None
    return frozenset(
        port["PublicPort"] for each in listed for port in each.get("Ports") or () if "PublicPort" in port
    )


def inspected(engine: Engine) -> Iterator[Inspect]:
    """All containers; one that goes meanwhile is left out."""
    for listed in engine.containers():
        container = engine.container(listed["Id"])
        if container is not None:
            yield container


def unwell(container: Inspect) -> Finding | None:
    """What is wrong with a container as it is now."""
    name, state = name_of(container), container["State"]
    if state.get("OOMKilled"):
        return AREA.error(
            "restarts",
            f"{name} was killed for want of memory",
            "raise its memory limit, or find its leak",
            subject=name,
        )
    if state["Status"] == "restarting":
        said = f"{name} keeps dying: {container['RestartCount']} restarts"
        return AREA.error("restarts", said, see_log(name), subject=name)
    if (state.get("Health") or {}).get("Status") == "unhealthy":
        said = f"{name} is unhealthy, as its own check says"
        return AREA.warning("restarts", said, see_log(name), subject=name)
    return None


def name_of(container: Inspect) -> str:
    """A container's name."""
    return str(container["Name"]).lstrip("/")


def see_log(name: str) -> str:
    """What a person does about a container that dies."""
    return f"`docker logs --tail 50 {name}` says why"


def _often(container: Inspect) -> Finding | None:
    name, count = name_of(container), container["RestartCount"]
    if count > _RESTARTS and container["State"]["Status"] == "running":
        return AREA.warning("restarts", f"{name} was restarted {count} times", see_log(name), subject=name)
    return None


def lock(engine: Engine, service: str) -> Findings:
    """A lock that nobody holds any more, or that somebody has held for very long."""
    names = (lock_name(service), lock_name(on_all_hosts(service)))
    container = next(filter(None, map(engine.container, names)), None)
    if container is None:
        yield AREA.ok("lock", "free")
        return
    labels = container["Config"]["Labels"] or {}
    who = f"{labels.get('deployer.lock.who', '?')} ({labels.get('deployer.lock.command', '?')})"
    age = (datetime.now(UTC) - _time(container["Created"])).total_seconds()
    if container["State"]["Status"] != "running":
        if age < TAKING:
            yield AREA.ok("lock", f"{who} is about to take or give it")
            return

        def remove() -> str:
            engine.remove(container["Id"])
            return f"removed {name_of(container)}"

        yield AREA.warning(
            "lock",
            f"{who} left it behind, {age:.0f} s ago",
            "the next command takes it, or remove it",
            Fix(remove, lambda: lock(engine, service)),
        )
    elif age > _HELD:
        yield AREA.warning(
            "lock",
            f"{who} has held it for {age / 60:.0f} min",
            "ask, or end that process: the lock frees itself",
        )
    else:
        yield AREA.ok("lock", f"held by {who}")


def _prune(engine: Engine) -> str:
    freed = engine.prune_dangling()
    return f"{humanize_size(freed)} freed of images without a name"


def _time(created: str) -> datetime:
    return datetime.fromisoformat(created[:19]).replace(tzinfo=UTC)
