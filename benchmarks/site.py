"""A site to a bucket: `deployer site deploy` and the tools that others take for it, on the same server."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Section, number, verdict
from benchmarks.latency import delayed
from benchmarks.stand import Stand
from benchmarks.tools import tools
from benchmarks.usage import Usage, usage
from tests.support import s3
from tests.support.images import ROOT
from tests.support.s3 import Server

LATENCY = 0.030  # seconds
AT_ONCE = 64
SCENARIOS = ("full upload", "nothing changed", "all touched", "1 % changed")
CHANGED = 100  # one file of so many
TARGETS = (1.0, 1.0, 1.0, 1.0)
TRUSTING = (1.0, 0.5, 0.5, 0.5)
HOW = f"""\
{{files}} files of about 6 kB, as Vite would name them, to SeaweedFS {{line}}. Each tool has a bucket of its
own and its turn in each scenario; each cell is the median time, processor time and peak memory of the whole
command. *All touched*: every file has a new time and its old content, as after any checkout. *1 % changed*: a
build in which one in {CHANGED} chunks has other content, and so another name, and the page names it.

- *aws*: `aws s3 sync --delete`, {AT_ONCE} requests at once.
- *s5cmd*: `s5cmd sync --delete`, 256 workers, which is its own choice.
- *rclone*: `rclone sync --checksum --fast-list`, with 4 transfers at once, which is its own choice, and with
  {AT_ONCE}.
- *deployer*: `deployer site deploy`, {AT_ONCE} requests at once, its own choice; and with `--trust-manifest`,
  which does not list the bucket. Beside the files it writes a manifest and the pointer, copies the page that
  it replaces aside, and keeps the chunks of the release before.

The last lines are the deployer's time over that of the fastest other tool.
"""


@dataclass
class Site:
    """What is deployed, and changed between one scenario and the next."""

    folder: Path
    files: int
    _names: list[Path] = field(default_factory=list)

    @property
    def dist(self) -> Path:
        return self.folder / "dist"

    def build(self) -> None:
        """All of it anew, the same each time."""
        chance = random.Random(4)  # noqa: S311  (the same each time is the point)
        shutil.rmtree(self.dist, ignore_errors=True)
        for index in range(100):
            (self.dist / "assets" / f"{index:02}").mkdir(parents=True)
        self._names = [self._chunk(index, chance.randbytes(6100)) for index in range(self.files - 1)]
        self._page("1")

    def touch(self) -> None:
        for path in self.dist.rglob("*.*"):
            os.utime(path)

    def change(self) -> None:
        """What the next build would be."""
        for index in range(0, self.files - 1, CHANGED):
            self._names[index].unlink()
            self._names[index] = self._chunk(index, os.urandom(6100))
        self._page("2")

    def _chunk(self, index: int, content: bytes) -> Path:
        digest = hashlib.sha256(content).hexdigest()[:8]
        path = self.dist / "assets" / f"{index % 100:02}" / f"chunk{index:05}-{digest}.js"
        path.write_bytes(content)
        return path

    def _page(self, text: str) -> None:
        (self.dist / "index.html").write_text(f"<!doctype html><title>{text}</title>", encoding="utf-8")


@dataclass(frozen=True)
class Way:
    """A tool.

    :param command: of a dist, a bucket and an endpoint.
    """

    name: str
    command: Callable[[Path, str, str], list[str]]
    ours: bool = False


def ways() -> list[Way]:
    found = tools()

    def aws(dist: Path, bucket: str, endpoint: str) -> list[str]:
        return [
            str(found / "aws"),
            "--endpoint-url",
            endpoint,
            "s3",
            "sync",
            str(dist),
            f"s3://{bucket}",
            "--delete",
        ]

    def s5cmd(dist: Path, bucket: str, endpoint: str) -> list[str]:
        command = [str(found / "s5cmd"), "--endpoint-url", endpoint, "sync", "--delete"]
        return [*command, f"{dist}/", f"s3://{bucket}/"]

    def rclone(*more: str) -> Callable[[Path, str, str], list[str]]:
        def command(dist: Path, bucket: str, endpoint: str) -> list[str]:
            target = f":s3,provider=Other,env_auth,no_check_bucket,endpoint='{endpoint}':{bucket}"
            return [str(found / "rclone"), "sync", "--checksum", "--fast-list", *more, str(dist), target]

        return command

    def deployer(*more: str) -> Callable[[Path, str, str], list[str]]:
        return lambda *_: [sys.executable, "-m", "deployer", "site", "deploy", *more]

    many = ("--transfers", str(AT_ONCE), "--checkers", str(AT_ONCE))
    return [
        Way("aws", aws),
        Way("s5cmd", s5cmd),
        Way("rclone", rclone()),
        Way(f"rclone, {AT_ONCE} at once", rclone(*many)),
        Way("deployer", deployer(), ours=True),
        Way("deployer --trust-manifest", deployer("--trust-manifest"), ours=True),
    ]


ROLLBACK = Way("deployer site rollback", lambda *_: [sys.executable, "-m", "deployer", "site", "rollback"])


def measure(stand: Stand) -> list[Section]:
    files = 5001 if not stand.quick else 501
    with s3.seaweedfs() as server, tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder:
        site = Site(Path(folder), files)
        sections = []
        port = int(server.endpoint.rpartition(":")[2])
        direct: AbstractContextManager[int] = nullcontext(port)
        for title, line, way_there in (
            ("Site, on loopback", "on the same machine", direct),
            (
                f"Site, {LATENCY * 1000:.0f} ms away",
                f"behind a proxy that adds {LATENCY * 1000:.0f} ms to each request",
                delayed(port, LATENCY),
            ),
        ):
            with way_there as to:
                found = _runs(stand, site, server, f"http://127.0.0.1:{to}")
            sections.append(_section(title, HOW.format(files=f"{files:,}", line=line), found))
        return sections


def _runs(stand: Stand, site: Site, server: Server, endpoint: str) -> dict[str, list[list[Usage]]]:
    """What each way took, by scenario."""
    found: dict[str, list[list[Usage]]] = {way.name: [[] for _ in SCENARIOS] for way in ways()}
    for run in range(stand.runs(3, 1)):
        buckets = {way.name: server.bucket() for way in ways()}

        def each(scenario: int, times: int = 1, buckets: dict[str, str] = buckets, run: int = run) -> None:
            stand.say(f"{endpoint}, run {run + 1}: {SCENARIOS[scenario]}")
            for _ in range(times):
                for way in ways():
                    found[way.name][scenario].append(_run(way, site, server, buckets[way.name], endpoint))

        site.build()
        each(0)
        each(1, times=stand.runs(3, 1))
        site.touch()
        each(2)
        site.change()
        each(3)
        # What the change had replaced comes back: nobody else has that.
        back = found.setdefault(ROLLBACK.name, [[] for _ in SCENARIOS])
        back[3].append(_run(ROLLBACK, site, server, buckets["deployer"], endpoint))
        for bucket in buckets.values():
            _empty(server, bucket)
    return found


def _run(way: Way, site: Site, server: Server, bucket: str, endpoint: str) -> Usage:
    config: dict[str, Any] = {
        "service": {"name": "bench", "image": "bench:1", "port": 80},
        "site": {"bucket": bucket, "endpoint": endpoint},
    }
    (site.folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (site.folder / "aws.ini").write_text(
        f"[default]\ns3 =\n  max_concurrent_requests = {AT_ONCE}\n  addressing_style = path\n",
        encoding="utf-8",
    )
    environment = {
        **server.environ,
        "AWS_CONFIG_FILE": str(site.folder / "aws.ini"),
        "RCLONE_CONFIG": os.devnull,
        "PYTHONPATH": str(ROOT),
    }
    return usage(way.command(site.dist, bucket, endpoint), site.folder, environment)


def _empty(server: Server, bucket: str) -> None:
    """Deletes a bucket with all that it holds."""
    client = server.client()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        if objects := [{"Key": each["Key"]} for each in page.get("Contents", ())]:
            client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    client.delete_bucket(Bucket=bucket)


def _section(title: str, how: str, found: dict[str, list[list[Usage]]]) -> Section:
    medians = {
        way.name: [statistics.median(each.seconds for each in scenario) for scenario in found[way.name]]
        for way in ways()
    }
    rows = [[name, *map(_cell, scenarios)] for name, scenarios in found.items()]
    others = [medians[way.name] for way in ways() if not way.ours]
    fastest = [min(times) for times in zip(*others, strict=True)]
    for way, targets in zip((way for way in ways() if way.ours), (TARGETS, TRUSTING), strict=True):
        ratios = [ours / theirs for ours, theirs in zip(medians[way.name], fastest, strict=True)]
        cells = [
            f"{number(ratio)} (≤ {target:g} {verdict(ratio <= target)})"
            for ratio, target in zip(ratios, targets, strict=True)
        ]
        rows.append([f"{way.name} : fastest other", *cells])
    return Section(title, how, rows, ("way", *SCENARIOS))


def _cell(scenario: list[Usage]) -> str:
    if not scenario:
        return ""
    seconds, cpu, peak = (
        statistics.median(getattr(each, name) for each in scenario) for name in ("seconds", "cpu", "peak")
    )
    return f"{number(seconds)} s, CPU {number(cpu)} s, {number(peak)} MB"
