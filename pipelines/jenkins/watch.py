"""What a controller is doing: what runs, what is stuck, what waits and why; and what the host lacks.

`observe` asks the controller; everything else here is a pure function of its answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct, to_builtins

from deployer.config.units import humanize_size
from pipelines.jenkins.client import Client

GIB = 1024**3
MIB = 1024**2

PRUNE = (
    "`deployer prune` removes what no release needs; `docker system prune`, without --volumes, what nobody "
    "uses"
)
"""The document's remedy for full disks, narrowest first; volumes hold data."""
SWAP = "give the host 2 GB of swap (`dd`, `mkswap`, `swapon`, /etc/fstab); 1 GB of memory alone is too little"
"""The document's remedy for hung builds: a t3.small with 2 GB of swap."""


class Advice(Struct, frozen=True):
    """Something a person should look at, and what to do about it."""

    problem: str
    remedy: str


class Running(Struct, frozen=True):
    """A build that runs; `executor` is None for one that nobody carries on: it is stuck."""

    build: str
    url: str
    executor: int | None
    node: str | None
    stuck: bool


class Waiting(Struct, frozen=True):
    """What waits in the queue; `why` in the controller's own words; `since` in seconds since 1970."""

    job: str
    why: str
    since: float
    stuck: bool


class Picture(Struct, frozen=True):
    """A controller at one moment."""

    running: tuple[Running, ...]
    waiting: tuple[Waiting, ...]
    advice: tuple[Advice, ...]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        found: dict[str, object] = to_builtins(self)
        return found


def observe(client: Client) -> Picture:
    """Ask the controller. :raises JenkinsError: it cannot be asked."""
    jobs, nodes, queue = client.jobs(), client.nodes(), client.queue()
    carried = dict(_carried(nodes))
    for job in jobs:
        build = job.get("lastBuild")
        if build and build["building"] and _path(build["url"]) not in carried:
            # It may have ended before we asked for the executors: one without has not ended after it either.
            build["building"] = client.build(job["name"], build["number"])["building"]
    return picture(jobs, nodes, queue)


def picture(jobs: list[dict[str, Any]], nodes: list[dict[str, Any]], queue: list[dict[str, Any]]) -> Picture:
    """The controller's answers, put together."""
    carried = dict(_carried(nodes))
    orphans = [
        Running(f"{job['name']} #{build['number']}", build["url"], None, None, stuck=True)
        for job in jobs
        if (build := job.get("lastBuild")) and build["building"] and _path(build["url"]) not in carried
    ]
    waiting = tuple(
        Waiting(
            item["task"].get("name", "?"), item.get("why") or "", item["inQueueSince"] / 1000, item["stuck"]
        )
        for item in queue
    )
    running = (*carried.values(), *orphans)
    return Picture(running, waiting, tuple(advice(nodes, waiting, running)))


def advice(
    nodes: list[dict[str, Any]], waiting: tuple[Waiting, ...], running: tuple[Running, ...]
) -> Iterator[Advice]:
    """What small hosts suffer from, and the way out that has worked."""
    for node in nodes:
        yield from _of_node(node)
    for item in waiting:
        if "Waiting for next available executor" in item.why:
            busy = [found for found in running if not found.stuck]
            names = ", ".join(found.build for found in busy)
            yield Advice(
                f"{item.job} waits for an executor"
                + (f"; busy with {names}" if busy else ", and none is busy: the host may hang"),
                f"wait for it, or stop it on its page ({', '.join(found.url for found in busy)})"
                if busy
                else f"look at the memory; {SWAP}",
            )
        elif item.stuck:
            yield Advice(f"{item.job} is stuck in the queue: {item.why}", "bring the node online again")
    for found in running:
        if found.stuck:
            yield Advice(
                f"{found.build} is building, and no executor carries it on",
                f"stop it in its web page ({found.url}); `deployer recover` puts right what it left",
            )


def _of_node(node: Mapping[str, Any]) -> Iterator[Advice]:
    name = node["displayName"]
    if node["offline"]:
        reason = node.get("offlineCauseReason") or "it does not say why"
        full = re.search(r"(disk|temp|space)", reason, re.IGNORECASE)
        yield Advice(
            f"{name} is offline: {reason}",
            f"free disk space (below 1 GiB executors go offline): {PRUNE}; then bring the node online"
            if full
            else "look at the node's page, and bring it online again",
        )
    for key, monitor in (node.get("monitorData") or {}).items():
        if not monitor:
            continue
        kind = key.rpartition(".")[2]
        if kind in ("DiskSpaceMonitor", "TemporarySpaceMonitor") and monitor.get("size", GIB) < GIB:
            left = humanize_size(monitor["size"])
            yield Advice(f"{name} has {left} left at {monitor.get('path', 'its disk')}", PRUNE)
        if kind == "SwapSpaceMonitor":
            yield from _of_memory(name, monitor)


def _of_memory(name: str, monitor: Mapping[str, Any]) -> Iterator[Advice]:
    swap, memory = monitor.get("totalSwapSpace", -1), monitor.get("totalPhysicalMemory", -1)
    free = monitor.get("availablePhysicalMemory", -1) + max(0, monitor.get("availableSwapSpace", 0))
    if swap == 0 and 0 <= memory < 4 * GIB:
        yield Advice(f"{name} has {humanize_size(memory)} of memory and no swap", SWAP)
    elif monitor.get("availablePhysicalMemory", -1) >= 0 and free < 256 * MIB:
        yield Advice(f"{name} has {humanize_size(free)} of memory and swap left", SWAP)


def _carried(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, Running]]:
    for node in nodes:
        slots = [*node.get("executors", ()), *node.get("oneOffExecutors", ())]
        for number, slot in enumerate(slots):
            build = slot.get("currentExecutable")
            if not build or not build.get("url"):
                continue
            path = _path(build["url"])
            # A pipeline's flyweight executor and the one of its `node` block tell the same build.
            name = build.get("fullDisplayName") or path.strip("/")
            name = re.sub(r"^part of ", "", name)
            yield (
                path,
                Running(name, build["url"], number, node["displayName"], bool(slot.get("likelyStuck"))),
            )


def _path(url: str) -> str:
    """What tells one build from another: `/job/NAME/NUMBER/`, whatever host the controller thinks it is."""
    found = re.search(r"(/job/[^/]+/\d+/)", unquote(urlsplit(url).path))
    return found[1] if found else url
