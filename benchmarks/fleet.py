"""A release on many hosts: how long it takes, what the deployer needs for that, what goes over the line."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure, Section
from benchmarks.namesakes import Namesakes
from benchmarks.stand import BenchError, Stand
from benchmarks.usage import Usage, usage
from deployer.config.load import load
from deployer.events import ignore
from deployer.host.engine import Engine
from deployer.image.edge import edge_image
from tests.support import engine as support
from tests.support import images
from tests.support.line import Line
from tests.support.machines import Host, door, known_hosts, machines
from tests.support.names import free_port, service_name

TITLE = "Several hosts"
HOW = """\
Three hosts are containers with a root file system, an SSH server and a Docker engine of their own, on this
one machine: their engines share its processors, which three machines would not. A rollout to all of them in
one batch alternates with one to the first of them alone; the time is that of the whole command, its image
sent before.

The line: a layer of {layer} MiB that cannot be packed is added to the image that the first host has, and
rolled out there. Counted by a relay in front of the host's SSH server are all bytes that go there, from the
first of the connection on: keys, requests, the image, and what SSH puts around it.
"""
MANY = "Many hosts"
MANY_HOW = """\
{count} hosts in batches of {batch}, each with its own SSH connection, socket, edge and containers. They are
simulated in that all of them are this machine's one engine: behind each host's socket a relay gives the
service another name and port, and back (`benchmarks/namesakes.py`). All that the deployer and the engine do
is real, and all of it is done by {processors} processors, so the seconds for each host say how much work
there is, not how long to wait where hosts are machines. The memory is the peak resident set of the
deployer's process.
"""
LAYER = 20
BATCH = 10
TARGET_RATIO, TARGET_MEMORY, TARGET_BYTES = 1.3, 120.0, 5.0
_DEPLOYER = [sys.executable, "-m", "deployer"]


def measure(stand: Stand) -> list[Section]:
    return [several(stand), many(stand)]


def several(stand: Stand) -> Section:
    """Three hosts beside one, and the bytes of one changed layer."""
    rounds = stand.runs(7, 2)
    times: dict[str, list[float]] = {"one": [], "three": [], "ratio": []}
    with (
        tempfile.TemporaryDirectory(prefix="deployer-bench-") as name,
        hosts(stand, Path(name)) as (folder, made),
    ):
        names = [str(host.config()["name"]) for host in made]
        for image in (stand.old, stand.new):
            rolled(folder, image)
        for number in range(rounds):
            stand.say(f"one host and three, {number + 1} of {rounds}")
            image = (stand.old, stand.new)[number % 2]
            # A rollout of what serves already is a rollout like any other.
            one, three = rolled(folder, image, "--host", names[0]).seconds, rolled(folder, image).seconds
            times["one"].append(one)
            times["three"].append(three)
            times["ratio"].append(three / one)
        extra = []
        for number in range(stand.runs(3, 1)):
            stand.say(f"one changed layer, {number + 1}")
            heavy = images.heavier(stand.client, stand.new, megabytes=LAYER)
            with Line(made[0].address, 22) as line:
                through(folder, made, line)
                rolled(folder, heavy, "--host", names[0])
                extra.append((line.sent / (LAYER << 20) - 1) * 100)
    return Section.of(
        TITLE,
        HOW.format(layer=LAYER),
        [
            Figure("rollout to one host", times["one"], "s"),
            Figure("rollout to three hosts in one batch", times["three"], "s"),
            Figure("three hosts over one", times["ratio"], "times", TARGET_RATIO),
            Figure(f"bytes sent for a layer of {LAYER} MiB, beyond its size", extra, "%", TARGET_BYTES),
        ],
    )


def many(stand: Stand) -> Section:
    """Ever more simulated hosts, up to fifty."""
    counts = (5, 10) if stand.quick else (1, 10, 25, 50)
    found: list[tuple[int, Usage]] = []
    for count in counts:
        stand.say(f"{count} simulated hosts")
        found.append((count, crowd(stand, count)))
    count, most = found[-1]
    figures = [Figure(f"rollout to {number} hosts", [told.seconds], "s") for number, told in found]
    figures.append(Figure(f"for each of {count} hosts", [most.seconds / count], "s"))
    figures.append(Figure(f"processor time of the deployer, {count} hosts", [most.cpu], "s"))
    figures.append(Figure(f"peak memory of the deployer, {count} hosts", [most.peak], "MB", TARGET_MEMORY))
    how = MANY_HOW.format(count=count, batch=BATCH, processors=os.cpu_count())
    return Section.of(MANY, how, figures)


def crowd(stand: Stand, count: int) -> Usage:
    """What a rollout to so many simulated hosts takes, that serve another release."""
    # Names of a test, so that what a killed run leaves is swept up.
    service = f"{service_name()[:-2]}00"
    with tempfile.TemporaryDirectory(prefix="deployer-bench-") as name:
        folder = Path(name)
        sockets = folder / "sockets"
        sockets.mkdir()
        port = port_range(count)
        with (
            Namesakes(sockets, service=service, port=port, count=count) as namesakes,
            door(stand.client, folder, f"{sockets}:/run/engines") as way,
        ):
            # Ten who come at once are no attack here.
            way.run("echo 'MaxStartups 200' >> /etc/ssh/sshd_config; pkill -HUP -o -x sshd")
            (folder / "known_hosts").write_text(known_hosts([way]))
            hosts = [
                {**way.config(), "name": f"h{number:02d}", "docker": f"/run/engines/{number:02d}.sock"}
                for number in namesakes.numbers
            ]
            configure(folder, way, hosts, service=service, port=port, batch=str(BATCH))
            try:
                rolled(folder, stand.old)
                return rolled(folder, stand.new)
            finally:
                for number in namesakes.numbers:
                    support.remove(stand.client, namesakes.service(number))


def port_range(count: int) -> int:
    """A port of full hundreds, behind which as many as there are hosts are free."""
    for first in range(21000, 32000, 100):
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + count + 1):
                    probe = probes.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("", port))
            except OSError:
                continue
            return first
    raise BenchError("no hundred ports are free")


@contextlib.contextmanager
def hosts(stand: Stand, folder: Path) -> Iterator[tuple[Path, list[Host]]]:
    """Three hosts that have all images, and a folder whose config names them."""
    with machines(stand.client, 3, folder) as made:
        (folder / "known_hosts").write_text(known_hosts(made))
        found = [host.config() for host in made]
        configure(folder, made[0], found, service=service_name(), port=free_port(), batch="100%")
        engine = Engine()
        edge = edge_image(engine, load(folder / "config.yaml", environ={}), ignore)
        engine.close()
        for host in made:
            host.load(stand.client, stand.old, stand.new, edge)
        yield folder, made


def configure(
    folder: Path, key_of: Host, hosts: list[dict[str, Any]], *, service: str, port: int, batch: str
) -> None:
    config = {
        "service": {"name": service, "image": "deployer-test/shop:1", "port": 8080, "health": "/health"},
        "edge": {"port": port},
        "rollout": {"observe": "0s", "batch": batch, "lock_wait": "30s", "ready_timeout": "120s"},
        "ssh": {"key": str(key_of.key), "known_hosts": "known_hosts", "timeout": "60s"},
        "hosts": hosts,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def through(folder: Path, made: list[Host], line: Line) -> None:
    """Let the first host be reached through a line from here."""
    with (folder / "known_hosts").open("a", encoding="utf-8") as file:
        file.write(f"[127.0.0.1]:{line.port} {' '.join(made[0].public_key.split()[:2])}\n")
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["hosts"][0] |= {"address": "127.0.0.1", "port": line.port}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


def rolled(folder: Path, image: str, *words: str) -> Usage:
    """Roll an image out; what that took."""
    return usage([*_DEPLOYER, "rollout", "--image", image, *words], folder, {"PYTHONPATH": str(images.ROOT)})
