"""What a host is like: memory, disks, clock, ports, read by a shell script, over there or here."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from deployer.errors import HostError
from deployer.host.ssh import Connection
from deployer.render import render

DOCKER_ROOT = "/var/lib/docker"
LOG_LIMIT = 100 * 1024**2
"""Bytes of one container's log from which it is worth a word."""


class Disk(Struct, frozen=True):
    """A file system: bytes and inodes, all of them and those free.

    :param device: tells it from others, whatever folders it is seen at; empty where that is not known.
    """

    size: int = 0
    free: int = 0
    inodes: int = 0
    inodes_free: int = 0
    device: str = ""

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
    :param unresolved: those of the names that it was asked for which it cannot resolve.
    :param bridges: the subnets of each bridge that an engine may have made, by its name.
    :param socket: mode, owner and group of the engine's socket; empty where there is none.
    :param logs: containers' logs above `LOG_LIMIT`, by path; only root sees them.
    :param firewall: the ports that the firewall of `host prepare` lets in; None where there is none.
    :param unseen: what could not be looked at: `logs`, `ports` (there is no `ss`), `oom` (the kernel counts
        none), `dmesg` (its log), `firewall` (whether it is loaded).
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
    unresolved: tuple[str, ...] = ()
    listening: tuple[str, ...] = ()
    bridges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    journal: str = ""
    synchronized: str = ""
    logs: Mapping[str, int] = field(default_factory=dict)
    prepared: bool = False
    firewall: tuple[int, ...] | None = None
    unseen: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["disks"] = {path: asdict(disk) for path, disk in self.disks.items()}
        return found


def script(*, socket: str, docker_root: str = DOCKER_ROOT, names: Sequence[str] = ()) -> str:
    """The shell script that tells the facts.

    :param socket: path of the engine's socket. :param names: what a host should be able to resolve.
    """
    folders = ["/", "/var", docker_root, "/tmp"]
    return render(
        "host/facts.sh.j2",
        socket=socket,
        docker_root=docker_root,
        names=names,
        folders=folders,
        log_limit=LOG_LIMIT,
    )


def over(
    connection: Connection, socket: str, docker_root: str = DOCKER_ROOT, names: Sequence[str] = ()
) -> Facts:
    """The facts of a host over SSH; as root where its user may become that. :raises HostError: no answer."""
    text = script(socket=socket, docker_root=docker_root, names=names).encode()
    root = connection.run("true", root=True).code == 0
    before = time.time()
    done = connection.run("sh -s", given=text, root=root)
    return read(done.output, (before + time.time()) / 2, connection.target.name)


def here(socket: str, docker_root: str = DOCKER_ROOT, names: Sequence[str] = ()) -> Facts:
    """The facts of this machine. :raises HostError: it takes for ever."""
    text = script(socket=socket, docker_root=docker_root, names=names)
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
            known = {first: _number(total), second: _number(free)}
            disks[path] = replace(disks.get(path, Disk()), **known)
    for value in pairs.get("device", ()):
        path, _, device = value.partition(" ")
        if path in disks:
            disks[path] = replace(disks[path], device=device)
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
        unresolved=tuple(sorted(pairs.get("unresolved", ()))),
        listening=tuple(pairs.get("listens", ())),
        bridges=_bridges(pairs.get("bridge", ()), pairs.get("route", ())),
        journal=one("journal", ""),
        synchronized=one("synchronized", ""),
        logs=logs,
        prepared=one("prepared", "no") == "yes",
        firewall=tuple(map(int, one("firewall").replace(",", " ").split())) if "firewall" in pairs else None,
        unseen=tuple(pairs.get("unseen", ())),
    )


def _bridges(names: Sequence[str], routes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The bridges, each with what the kernel's table of routes sends to it.

    :param routes: interface, destination and mask as /proc/net/route has them: in hexadecimal, the lowest
        byte first.
    """
    found: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
    for route in routes:
        name, *numbers = route.split()
        if name in found:
            address, mask = (IPv4Address(bytes.fromhex(number)[::-1]) for number in numbers)
            found[name] += (str(IPv4Network(f"{address}/{mask}")),)
    return found


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
