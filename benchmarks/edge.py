"""What the edge costs: memory, and time on the way to the service."""

from __future__ import annotations

import re
from pathlib import Path

from docker import DockerClient

from benchmarks import pairs
from benchmarks.figures import Figure, Section
from benchmarks.load import Load, Mix
from benchmarks.stand import SHORT, Stand

TITLE = "Edge"
BUSY = Mix(keepalive=24, oneshot=8, post=8, pausing=0, slow=4, stream=8, upload=0, rate=600.0)
REQUESTS = 2000  # on each way in a run
HOW = f"""\
Latency: a client with two connections that stay open sends {REQUESTS} requests on each in a run, in turn,
straight to the address of the release's container and through the edge, while other clients send
{SHORT.rate:.0f} requests a second through the edge.

Memory: of the edge's container while {BUSY.keepalive + BUSY.oneshot + BUSY.post} clients send
{BUSY.rate:.0f} requests a second and {BUSY.stream} streams are open, the largest of several samples; as
`docker stats` counts it (the control group without idle page cache), and the most that its process ever had
resident, shared libraries included.
"""


def measure(stand: Stand) -> list[Section]:
    with stand.project() as project:
        container = project.status()["active"]["container"]
        found = stand.client.api.inspect_container(container)["NetworkSettings"]["Networks"]
        direct = found[f"{project.name}-edge"]["IPAddress"]
        stand.say("memory of the edge")
        used, resident = memory(stand, f"{project.name}-edge", project.url)
        runs = []
        with Load(project.url, SHORT) as load:
            load.wait_for_more(100)
            for number in range(stand.runs(7, 3)):
                stand.say(f"latency: run {number + 1}")
                runs.append(pairs.measure(((direct, 8080), ("127.0.0.1", project.port)), REQUESTS))
    figures = [Figure("memory of the edge's container", used, "MiB", 10.0)]
    if resident:
        figures.append(Figure("most that its process had resident", resident, "MiB"))
    for name, target in (("p50", None), ("p99", 1.0)):
        bare = [getattr(first, name) for first, _ in runs]
        edge = [getattr(second, name) for _, second in runs]
        added = [second - first for first, second in zip(bare, edge, strict=True)]
        figures += [
            Figure(f"{name} straight to the container", bare, "ms"),
            Figure(f"{name} through the edge", edge, "ms"),
            Figure(f"{name} added by the edge", added, "ms", target),
        ]
    return [Section.of(TITLE, HOW, figures)]


def memory(stand: Stand, container: str, url: str) -> tuple[list[float], list[float]]:
    """MiB under load: the largest sample of the container's use; its process's peak, where it can be seen."""
    with Load(url, BUSY) as load:
        samples = []
        for number in range(1, stand.runs(10, 4) + 1):
            load.wait(lambda seen, due=number: seen.seconds >= due * 0.5)  # type: ignore[misc]
            samples.append(used(stand.client, container))
    return [max(samples)], peak(stand.client, container)


def used(client: DockerClient, container: str) -> float:
    """MiB that a container uses, as `docker stats` counts."""
    memory = client.api.stats(container, stream=False, one_shot=True)["memory_stats"]
    detail = memory["stats"]
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    return float(memory["usage"] - cache) / 2**20


def peak(client: DockerClient, container: str) -> list[float]:
    """The most that a container's processes had resident, in MiB; empty where its engine runs elsewhere."""
    rows = client.api.top(container)
    column = rows["Titles"].index("PID")
    total = 0
    for row in rows["Processes"]:
        try:
            status = Path(f"/proc/{row[column]}/status").read_text(encoding="utf-8")
        except OSError:
            return []
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        total += int(found[1]) if found else 0
    return [total / 1024]
