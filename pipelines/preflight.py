"""Whether the host has room for a build, found out before one begins.

A small host that runs out of memory does not fail a build: it hangs, with Jenkins on it, and the next builds
wait for an executor that never comes. So the numbers are looked at first, and the message says what helps.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from deployer.config.sections.pipelines import Preflight
from deployer.config.units import humanize_size
from deployer.errors import EngineError, PreflightError
from deployer.events import Warned
from pipelines.job import Job

SMALL = 4 * 1024**3
"""Bytes of memory below which a host should have swap."""

ADD_SWAP = (
    "stop what is not needed, take a larger host, or add swap: fallocate -l 2G /swapfile "
    "&& chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile, and a line for it in /etc/fstab"
)
FREE_DISK = (
    "`deployer prune` removes old images of this service; `docker system prune`, without --volumes, what "
    "nobody uses; `docker system df` shows what else there is, old workspaces and logs of Jenkins among it"
)
OFFLINE_BELOW = 1024**3
"""Bytes below which Jenkins takes a node out of service, of its folder and of its temporary one alike."""
TEMPORARY = Path("/tmp")
"""Java's temporary folder, whatever TMPDIR says to others."""
WAKE_EXECUTOR = (
    "builds will wait with `Waiting for next available executor`: Jenkins takes a node out of service below "
    "1 GB of disk or temporary space; make room (`deployer prune`, `docker system prune`), then bring it "
    "back under Manage Jenkins, Nodes"
)


class Room(Struct, frozen=True):
    """What the host has, in bytes; None where nobody could tell.

    :param memory: free, with free swap.
    :param temporary: free in the folder for temporary files; only looked at where Jenkins runs us.
    :param offline: the Jenkins nodes that take no builds, with the reason.
    """

    memory: int | None
    memory_total: int | None
    swap_total: int | None
    workspace: int | None
    engine: int | None
    temporary: int | None = None
    jenkins: bool = False
    offline: tuple[str, ...] = ()


class Finding(Struct, frozen=True):
    """Something that is short; `fatal` where a build must not begin."""

    fatal: bool
    text: str
    remedy: str


def check(job: Job, *, engine: bool) -> None:
    """Look, warn of what is short, and refuse where a build would not end well.

    :param engine: whether the engine's disk matters.
    :raises PreflightError: memory or disk is too short; the details name all that is.
    """
    found = judge(measure(job, engine=engine), job.config.pipelines.preflight)
    fatal = [finding for finding in found if finding.fatal]
    for finding in found:
        if not finding.fatal:
            job.emit(Warned(f"{finding.text}; {finding.remedy}"))
    if fatal:
        first, *others = fatal
        raise PreflightError(
            f"{first.text}; nothing was built",
            remedy=first.remedy,
            details=[f"{finding.text}: {finding.remedy}" for finding in others],
        )


def judge(room: Room, limits: Preflight) -> list[Finding]:
    """What is short, the worst first. Pure."""
    found = []
    if room.memory is not None and room.memory < limits.memory:
        found.append(
            Finding(
                fatal=True,
                text=f"not enough memory for a build: {humanize_size(room.memory)} free with swap, "
                f"{humanize_size(limits.memory)} wanted (pipelines.preflight.memory)",
                remedy=ADD_SWAP,
            )
        )
    places = (("in the workspace", room.workspace), ("where the engine keeps its data", room.engine))
    for place, free in places:
        if free is not None and free < limits.disk:
            found.append(
                Finding(
                    fatal=True,
                    text=f"not enough disk for a build: {humanize_size(free)} free {place}, "
                    f"{humanize_size(limits.disk)} wanted (pipelines.preflight.disk)",
                    remedy=FREE_DISK,
                )
            )
    if room.memory_total is not None and room.memory_total < SMALL and room.swap_total == 0:
        found.append(
            Finding(
                fatal=False,
                text=f"this host has {humanize_size(room.memory_total)} of memory and no swap",
                remedy=ADD_SWAP,
            )
        )
    if room.jenkins:
        found += _taken_offline(room, limits)
    found += [
        Finding(fatal=False, text=f"Jenkins' node {name} is offline", remedy=WAKE_EXECUTOR)
        for name in room.offline
    ]
    return found


def _taken_offline(room: Room, limits: Preflight) -> Iterator[Finding]:
    """What Jenkins will take this node offline for, judged as it does: it needs nobody who may ask it."""
    places = (("in the workspace", room.workspace, limits.disk), (f"in {TEMPORARY}", room.temporary, 0))
    for place, free, refused_below in places:
        if free is not None and refused_below <= free < OFFLINE_BELOW:
            yield Finding(
                fatal=False,
                text=f"Jenkins takes this node offline: {humanize_size(free)} free {place}",
                remedy=WAKE_EXECUTOR,
            )


def measure(job: Job, *, engine: bool) -> Room:
    """Read what the host has; of the engine only where it is asked for."""
    offline: tuple[str, ...] = ()
    jenkins = "JENKINS_URL" in job.environ
    if jenkins:
        from pipelines import executors

        offline = executors.offline(job.environ)
    memory = _memory(Path("/proc/meminfo"))
    free = [memory[name] for name in ("MemAvailable", "SwapFree") if name in memory]
    return Room(
        memory=sum(free) if "MemAvailable" in memory else None,
        memory_total=memory.get("MemTotal"),
        swap_total=memory.get("SwapTotal"),
        workspace=_disk(job.root),
        engine=_engine_disk(job) if engine else None,
        temporary=_disk(TEMPORARY) if jenkins else None,
        jenkins=jenkins,
        offline=offline,
    )


def _memory(path: Path) -> dict[str, int]:
    found = {}
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            found[name] = int(value.split()[0]) * 1024
    return found


def _disk(path: Path) -> int | None:
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _engine_disk(job: Job) -> int | None:
    """Free bytes where the engine keeps its images, if that can be seen from here."""
    try:
        address, folder = job.engine.address, Path(str(job.engine.info()["DockerRootDir"]))
    except (EngineError, KeyError):
        return None  # the stage that needs the engine says what is wrong with it
    if not address.startswith("unix:"):
        return None
    if folder.is_dir():
        return _disk(folder)
    # Inside a container of that engine (Jenkins in Docker) the root is a layer in that very folder.
    return _disk(Path("/")) if Path("/.dockerenv").exists() else None
