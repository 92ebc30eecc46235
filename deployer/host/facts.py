"""What a host is like: memory, disks, clock, ports, read by a shell script, over there or here."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

from deployer.errors import HostError
from deployer.host.ssh import Connection
from deployer.render import render

DOCKER_ROOT = "/var/lib/docker"
LOG_LIMIT = 100 * 1024**2
"""Bytes of one container's log from which it is worth a word."""


class Disk(Struct, frozen=True):
    """A file system: bytes and inodes, all of them and those free."""

    size: int = 0
    free: int = 0
    inodes: int = 0
    inodes_free: int = 0

    @property
    def share_free(self) -> float:
        """The free share of its bytes, 0 to 1."""
        return self.free / self.size if self.size else 1.0


class Facts(Struct, frozen=True):
    """What a host says of itself. Sizes in bytes, times in seconds.

    :param clock_skew: how far its clock is ahead of ours, as exactly as the way there lets it be known.
    :param oom_kills: processes that the kernel killed for want of memory since the boot.
    :param oom_limits: those of them that met their container's limit, as far as the kernel's log tells.
    :param listening: `address:port`, as `ss` shows them.
    :param socket: mode, owner and group of the engine's socket; empty where there is none.
    :param logs: containers' logs above `LOG_LIMIT`, by path; only root sees them.
    """

    system: str = ""
    kernel: str = ""
    machine: str = ""
    processors: int = 1
    clock_skew: float = 0.0
    uptime: float = 0.0
    load: str = ""
    memory: int = 0
    memory_available: int = 0
    swap: int = 0
    swap_free: int = 0
    oom_kills: int = 0
    oom_limits: int = 0
    swappiness: int = 60
    user: str = ""
    groups: tuple[str, ...] = ()
    disks: Mapping[str, Disk] = field(default_factory=dict)
    socket: tuple[str, ...] = ()
    resolves: bool = True
    listening: tuple[str, ...] = ()
    journal: str = ""
    synchronized: str = ""
    logs: Mapping[str, int] = field(default_factory=dict)
    prepared: bool = False

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["disks"] = {path: asdict(disk) for path, disk in self.disks.items()}
        return found


def script(*, socket: str, docker_root: str = DOCKER_ROOT, name: str = "pypi.org") -> str:
    """The shell script that tells the facts.

    :param socket: path of the engine's socket. :param name: a name that a host should be able to resolve.
    """
    folders = ["/", "/var", docker_root, "/tmp"]
    return render(
        "host/facts.sh.j2",
        socket=socket,
        docker_root=docker_root,
        name=name,
        folders=folders,
        log_limit=LOG_LIMIT,
    )


def over(connection: Connection, socket: str, docker_root: str = DOCKER_ROOT) -> Facts:
    """The facts of a host over SSH; as root where its user may become that. :raises HostError: no answer."""
    text = script(socket=socket, docker_root=docker_root).encode()
    root = connection.run("true", root=True).code == 0
    before = time.time()
    done = connection.run("sh -s", given=text, root=root)
    return read(done.output, (before + time.time()) / 2, connection.target.name)


def here(socket: str, docker_root: str = DOCKER_ROOT) -> Facts:
    """The facts of this machine. :raises HostError: it takes for ever."""
    text = script(socket=socket, docker_root=docker_root)
    try:
        done = subprocess.run(
            ["sh", "-s"], input=text, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        raise HostError(
            "this machine does not tell what it is like within 60 s",
            remedy="`df` hangs where a network disk does not answer",
        ) from None
    return read(done.stdout, time.time(), "this machine")


def read(text: str, now: float, name: str) -> Facts:
    """The facts from what the script printed.

    :param now: what our clock said when its own was read.
    :raises HostError: it did not come to its end.
    """
    pairs: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        pairs.setdefault(key, []).append(value)
    if "end" not in pairs:
        raise HostError(f"{name} does not tell what it is like", details=text.splitlines()[-5:])

    def one(key: str, default: str = "0") -> str:
        return (pairs.get(key) or [default])[-1] or default

    disks: dict[str, Disk] = {}
    for key, first, second in (("disk", "size", "free"), ("inodes", "inodes", "inodes_free")):
        for value in pairs.get(key, ()):
            path, total, free = value.rsplit(" ", 2)
            known = asdict(disks.get(path, Disk()))
            disks[path] = Disk(**{**known, first: _number(total), second: _number(free)})
    logs = {}
    for value in pairs.get("log", ()):
        size, _, path = value.partition(" ")
        logs[path] = _number(size)
    return Facts(
        system=one("system", ""),
        kernel=one("kernel", ""),
        machine=one("machine", ""),
        processors=int(one("processors", "1")),
        clock_skew=round(float(one("clock")) - now, 3),
        uptime=float(one("uptime")),
        load=one("load", ""),
        memory=int(one("MemTotal")),
        memory_available=int(one("MemAvailable")),
        swap=int(one("SwapTotal")),
        swap_free=int(one("SwapFree")),
        oom_kills=int(one("oom_kills")),
        oom_limits=int(one("oom_limits")),
        swappiness=int(one("swappiness", "60")),
        user=one("user", ""),
        groups=tuple(one("groups", "").split()),
        disks=disks,
        socket=() if one("socket", "").endswith("missing") else tuple(one("socket", "").split()[1:]),
        resolves=one("resolves", "no") == "yes",
        listening=tuple(pairs.get("listens", ())),
        journal=one("journal", ""),
        synchronized=one("synchronized", ""),
        logs=logs,
        prepared=one("prepared", "no") == "yes",
    )


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
