"""What every benchmark stands on: an engine, two images that differ in their version alone, a service."""

from __future__ import annotations

import contextlib
import http.client
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
from docker import DockerClient

from benchmarks.load import Mix
from tests.support import engine, images
from tests.support.project import Project

OLD, NEW = "old", "new"
POLL = (
    0.01  # seconds between two looks for a first answer; more often, and the looking itself would cost time
)

SHORT = Mix(keepalive=8, oneshot=4, post=4, pausing=2, slow=0, stream=0, upload=0, rate=60.0)
"""Requests that are answered at once: what a drain without long streams has to wait for."""


class BenchError(Exception):
    """What is to be measured does not work."""


@dataclass(frozen=True)
class Stand:
    """
    :param old, new: images of the shop, with the versions "old" and "new".
    :param quick: fewer runs; for a look, not for the page.
    """

    client: DockerClient
    old: str
    new: str
    quick: bool

    def runs(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def say(self, text: str) -> None:
        """Progress; standard output is for the results."""
        sys.stderr.write(f"  {text}\n")
        sys.stderr.flush()

    @contextlib.contextmanager
    def project(self) -> Iterator[Project]:
        """A service on the loopback address that serves "old"; nothing is left of it afterwards."""
        with tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder:
            project = Project(self.client, Path(folder), self.old)
            project.config(edge={"address": "127.0.0.1"}, rollout={"observe": 0})
            project.keep_orders()
            try:
                project.run("rollout", "--image", self.old)
                yield project
            finally:
                project.remove()


@contextlib.contextmanager
def stand(*, quick: bool) -> Iterator[Stand]:
    """Builds the images where they are missing, and removes what a killed run left."""
    client = docker.from_env(timeout=120)
    try:
        engine.sweep(client)
        images.remove_variants(client)
        try:
            yield Stand(client, images.variant(client, V=OLD), images.variant(client, V=NEW), quick)
        finally:
            images.remove_variants(client)
    finally:
        client.close()


def first_answer(address: str, port: int, path: str, version: str, *, timeout: float = 30.0) -> float:
    """When `version` first answered 200, on `time.monotonic()`'s clock. Raises BenchError."""
    deadline = time.monotonic() + timeout
    # Short, so that a connection to an address that nobody has yet is given up and tried again.
    connection = http.client.HTTPConnection(address, port, timeout=0.5)
    try:
        while time.monotonic() < deadline:
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200 and answer.headers["X-Version"] == version:
                    return time.monotonic()
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(POLL)
    finally:
        connection.close()
    raise BenchError(f"{version} did not answer at {address}:{port}{path} within {timeout:g} s")
