"""Checks of a host, made of its facts alone."""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.units import humanize_size
from deployer.doctor.finding import Area, Findings
from deployer.doctor.names import asked, needed
from deployer.host.facts import Facts

AREA = Area("host")
GIB = 1024**3
MIB = 1024**2

SMALL = 4 * GIB
"""Bytes of memory below which a host with Jenkins on it needs swap: a t3.small has 2 GiB."""

_CLOCK_WARNING = 2.0
_CLOCK_ERROR = 60.0
"""Seconds: AWS refuses signatures that are 15 minutes off, certificates and logs mislead long before."""

_DOCKER_PLAIN, _DOCKER_TLS = 2375, 2376
"""Where an engine answers over TCP: without TLS, for which there is no excuse, and with it."""

_PREPARE = "`deployer host prepare`"
KILLED = f"`dmesg -T | grep -i 'killed process'` says which and when; add swap ({_PREPARE}) or memory"


class Limits(Struct, frozen=True):
    """Free shares, 0 to 1, of memory, swap and disk below which a word is said; far below is an error."""

    memory: float
    swap: float
    disk: float

    def times(self, factor: float) -> Limits:
        """The same, so much higher."""
        return Limits(self.memory * factor, self.swap * factor, self.disk * factor)


def limits_of(config: Config) -> Limits:
    """As the config has them."""
    return Limits(config.watch.memory_free, config.watch.swap_free, config.watch.disk_free)


def check_host(facts: Facts, config: Config, published: Collection[int] | None = None) -> Findings:
    """All of them.

    :param published: the ports that containers publish; None: that is not known.
    """
    yield from room(facts, limits_of(config))
    yield from kills(facts)
    yield from logs(facts)
    yield from clock(facts)
    yield from names(facts, config)
    yield from ports(facts, config, published)
    yield from socket(facts)


def room(facts: Facts, limits: Limits) -> Findings:
    """What is left of memory, swap and disks."""
    yield from memory(facts, limits.memory)
    yield from swap(facts, limits.swap)
    yield from disks(facts, limits.disk)


def memory(facts: Facts, least: float) -> Findings:
    """What could still be given to a process; `least` is the share, 0 to 1, that should be left."""
    free, total = facts.memory_available, facts.memory
    said = f"{humanize_size(free)} of {humanize_size(total)} available"
    remedy = (
        "`docker stats --no-stream` says who has it; give service.memory a limit, or Jenkins a smaller heap"
    )
    if free < least / 2 * total:
        yield AREA.error("memory", said, remedy)
    elif free < least * max(total, 10 * 128 * MIB):
        yield AREA.warning("memory", said, remedy)
    else:
        yield AREA.ok("memory", said)


def kills(facts: Facts) -> Findings:
    """Whether the kernel had to kill for want of memory."""
    if "oom" in facts.unseen:
        yield AREA.skipped("oom", "the kernel does not say here whether it killed for want of memory")
    elif facts.oom_kills and facts.oom_limits >= facts.oom_kills:
        # The host had enough; `engine restarts` names the containers, where they are still there.
        yield AREA.ok(
            "oom", f"{facts.oom_kills} process(es) met their own container's limit, the host had enough"
        )
    elif facts.oom_kills:
        # When that was the counter does not say.
        said = f"the kernel has killed {facts.oom_kills} process(es) for want of memory since the boot"
        if "dmesg" in facts.unseen:
            said += "; whether that was at a container's own limit only root sees"
        yield AREA.warning("oom", said, KILLED)
    else:
        yield AREA.ok("oom", "the kernel has killed nobody since the boot")


def swap(facts: Facts, least: float) -> Findings:
    """A small host hangs without swap: Jenkins and a build together do not fit into 2 GiB."""
    if facts.memory < SMALL and facts.swap < GIB:
        yield AREA.error(
            "swap",
            f"{humanize_size(facts.swap)} of swap beside {humanize_size(facts.memory)} of memory",
            f"{_PREPARE} makes 2 GiB: without it a build beside Jenkins hangs the host",
        )
    elif facts.swap and facts.swap_free < least * facts.swap:
        yield AREA.warning(
            "swap",
            f"{humanize_size(facts.swap_free)} of {humanize_size(facts.swap)} of swap free",
            "memory is too short for what runs here: `docker stats --no-stream`",
        )
    elif not facts.swap:
        yield AREA.ok("swap", f"none; {humanize_size(facts.memory)} of memory can do without")
    else:
        yield AREA.ok("swap", f"{humanize_size(facts.swap)}, {humanize_size(facts.swap_free)} free")


def disks(facts: Facts, least: float) -> Findings:
    """Room and inodes of each file system, once each."""
    seen: set[str] = set()
    for path, disk in facts.disks.items():
        if disk.device in seen or not disk.size:
            continue  # the same file system under another name
        seen |= {disk.device} - {""}
        said = f"{path}: {humanize_size(disk.free)} of {humanize_size(disk.size)} free"
        remedy = (
            "`deployer prune` and `docker system df` for images; `du -xh / | sort -h | tail` for the rest"
        )
        if disk.free < min(10 * GIB, disk.size) * least or disk.share_free < 0.3 * least:
            yield AREA.error("disk", said, remedy, subject=path)
        elif disk.share_free < least:
            yield AREA.warning("disk", said, remedy, subject=path)
        else:
            yield AREA.ok("disk", said, subject=path)
        if disk.inodes and disk.inodes_free < least / 2 * disk.inodes:
            yield AREA.error(
                "inodes",
                f"{path}: {disk.inodes_free} of {disk.inodes} inodes free",
                "many small files: old workspaces, npm caches; `du --inodes -x / | sort -n | tail`",
                subject=path,
            )
        elif disk.inodes:
            yield AREA.ok("inodes", f"{path}: {disk.inodes_free} of {disk.inodes} free", subject=path)


def logs(facts: Facts) -> Findings:
    """Logs of containers that grow without an end."""
    for path, size in sorted(facts.logs.items(), key=lambda pair: -pair[1])[:5]:
        yield AREA.warning(
            "logs",
            f"{humanize_size(size)} in {path}",
            f"let the engine rotate: {_PREPARE} writes log-opts; only new containers take them",
            subject=path,
        )
    if "logs" in facts.unseen:
        yield AREA.skipped("logs", "only root sees how long the containers' logs are")
    elif not facts.logs:
        yield AREA.ok("logs", "no container's log is above 100 MiB")


def clock(facts: Facts) -> Findings:
    """How far the host's clock is from ours, and whether anything keeps it right."""
    said = f"{facts.clock_skew:+.1f} s from ours"
    remedy = "let chrony or systemd-timesyncd run; on EC2 `chronyc sources` should list 169.254.169.123"
    if abs(facts.clock_skew) > _CLOCK_ERROR:
        yield AREA.error("clock", said, remedy)
    elif abs(facts.clock_skew) > _CLOCK_WARNING:
        yield AREA.warning("clock", said, remedy)
    elif facts.synchronized == "no":
        yield AREA.warning("clock", f"{said}, but nothing keeps it right", remedy)
    else:
        yield AREA.ok("clock", said)


def names(facts: Facts, config: Config) -> Findings:
    """Whether the names resolve that the config needs; facts are to be asked for `asked(config)`."""
    remedy = "look at /etc/resolv.conf, and at the security group"
    for name in facts.unresolved:
        said = f"{name} does not resolve"
        if name in needed(config):
            yield AREA.error("dns", said, remedy, subject=name)
        else:
            yield AREA.warning("dns", f"{said}; builds may want it", remedy, subject=name)
    if not facts.unresolved:
        names = ", ".join(asked(config))
        yield AREA.ok("dns", f"resolved: {names}" if names else "the config needs no name resolved")


def ports(facts: Facts, config: Config, published: Collection[int] | None = None) -> Findings:
    """What all the world can reach, and is neither SSH nor for visitors; and what they cannot.

    A controller and a store are for admins: they are told of, too. What our own firewall closes is not open;
    but a port that a container publishes never comes by it, nor does what a container sends to the engine.

    :param published: the ports that containers publish; None: that is not known, and any may be one.
    """
    visited = {config.edge.port} | ({config.edge.tls.port} if config.edge.tls else set())
    shut = sorted(visited - set(facts.firewall)) if facts.firewall is not None else []
    for closed_to_visitors in shut:
        loaded = ", if it is loaded, which only root sees" if "firewall" in facts.unseen else ""
        said = f"the firewall of {_PREPARE} does not let visitors in at {closed_to_visitors}{loaded}"
        remedy = f"{_PREPARE} again: it was run for other ports than edge.port and edge.tls.port are now"
        yield (AREA.warning if loaded else AREA.error)("ports", said, remedy, subject=str(closed_to_visitors))
    if "ports" in facts.unseen:
        yield AREA.skipped("ports", "there is no `ss` here (package iproute2) that says who listens")
        return
    ours = {22, config.ssh.port, *visited, *config.prepare.ports} - {_DOCKER_PLAIN}
    heard = sorted({port for place in facts.listening if (port := _open_port(place)) and port not in ours})
    closed: list[int] = []
    if facts.firewall is not None and published is not None:
        past = {*facts.firewall, *published, _DOCKER_PLAIN, _DOCKER_TLS}
        closed = [port for port in heard if port not in past]
    open_ = [port for port in heard if port not in closed]
    by_firewall = ", ".join(map(str, closed))
    if closed and "firewall" in facts.unseen:
        yield AREA.skipped(
            "ports",
            f"closed by the firewall of {_PREPARE}, if it is loaded, which only root sees: {by_firewall}",
        )
    for port in open_:
        if port in (_DOCKER_PLAIN, _DOCKER_TLS):
            yield AREA.error(
                "ports",
                f"the Docker engine listens on {port} for everybody: whoever is let in is root on this host",
                "take `-H tcp://` out of the engine's options; the deployer comes in through SSH",
                subject=str(port),
            )
        elif port == config.jenkins.port:
            yield AREA.warning(
                "ports",
                f"the port of Jenkins, {port}, is open on all addresses: who gets in there has this host",
                f"jenkins.address: 127.0.0.1, `pipelines jenkins up`, `ssh -L {port}:127.0.0.1:{port}`; "
                f"or, where a security group lets only admins through, say so: prepare.ports: [{port}], "
                f"which also lets it through the firewall of {_PREPARE}",
                subject=str(port),
            )
        else:
            if published is None:
                close = f"{_PREPARE} closes it, but not a container's: publish that at 127.0.0.1"
            elif port in published:
                close = "a container publishes it, past the host's firewall: publish it at 127.0.0.1"
            else:
                close = f"{_PREPARE} closes it"
            yield AREA.warning(
                "ports",
                f"open on all addresses: {port}",
                f"{close}; where all are to reach it, list it in prepare.ports, which opens it in that "
                "firewall; where a security group closes it, `--baseline` keeps it quiet",
                subject=str(port),
            )
    if not open_ and not shut and not (closed and "firewall" in facts.unseen):
        rest = f"; the firewall closes {by_firewall}" if closed else ""
        yield AREA.ok("ports", f"nothing is open on all addresses that the config does not know{rest}")


def socket(facts: Facts) -> Findings:
    """Who may open the engine's socket, and with that be root."""
    if not facts.socket:
        yield AREA.error(
            "socket", "the engine has no socket", f"{_PREPARE} installs an engine; else start it"
        )
        return
    mode, owner, group = (*facts.socket, "", "", "")[:3]
    if mode and int(mode[-1]) & 6:
        yield AREA.error(
            "socket",
            f"the engine's socket is open to every user (mode {mode})",
            "`chmod 660` it, and let those who deploy be in its group",
        )
    elif facts.user != "root" and group not in facts.groups and facts.user != owner:
        yield AREA.error(
            "socket",
            f"{facts.user} may not use the engine's socket ({owner}:{group}, mode {mode})",
            f"`usermod -aG {group} {facts.user}`, then log in again",
        )
    else:
        yield AREA.ok("socket", f"mode {mode}, {owner}:{group}")


def _open_port(place: str) -> int | None:
    found = re.fullmatch(r"(\*|0\.0\.0\.0|\[::\]|::):(\d+)", place)
    return int(found[2]) if found else None
