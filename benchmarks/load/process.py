"""The generator's process: what runs in it, and the context manager that steers it.

The parent writes `snapshot` and `stop` to its standard input, one a line; it answers with one JSON object a
line. When its input ends, since the parent was killed, it stops too.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.load.clients import Clients
from benchmarks.load.mix import MODERATE, Mix
from benchmarks.load.report import Report

ROOT = Path(__file__).resolve().parents[2]
POLL = 0.05  # seconds between two looks at a run that is waited for


class LoadError(Exception):
    """The generator's process died, or what was waited for did not come."""


async def steered(clients: Clients) -> None:
    """Runs the clients, obeying standard input; the child's whole life."""
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)

    def tell(content: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(content) + "\n")
        sys.stdout.flush()

    async def obey() -> None:
        while (await commands.readline()).strip() == b"snapshot":
            tell(clients.tally.snapshot().as_dict())
        clients.stop()

    run = asyncio.ensure_future(clients.run())
    obeying = asyncio.ensure_future(obey())
    await asyncio.sleep(0)
    tell({"began": clients.tally.began})
    report = await run
    await obeying
    tell(report.as_dict())


class Load:
    """Load on a service for as long as the `with` block lasts, from a process of its own.

    Leaving the block stops it: requests in flight are finished, which takes as long as the longest stream.

    :param url: http://host:port or https://host:port
    :param timeout: seconds after which a request is lost
    :param allow_status: statuses that are neither ok nor lost, such as 503 in maintenance
    :param ca: the file of a certificate to trust, for https
    """

    def __init__(
        self,
        url: str,
        mix: Mix = MODERATE,
        *,
        timeout: float = 30.0,
        allow_status: Collection[int] = (),
        ca: str | None = None,
    ) -> None:
        self._order = {
            "url": url,
            "mix": dataclasses.asdict(mix),
            "timeout": timeout,
            "allow_status": list(allow_status),
            "ca": ca,
        }
        self._process: subprocess.Popen[str] | None = None
        self._report: Report | None = None

    def __enter__(self) -> Self:
        """Returns when the clients run. Raises LoadError."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load", "--steered", json.dumps(self._order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C in the parent's terminal is for the parent
        )
        try:
            self._read()
        except LoadError:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.stop()
        finally:
            self._end()

    def stop(self) -> Report:
        """No further request is begun; waits for those in flight, and gives the report. Raises LoadError."""
        if self._report is None:
            self._write("stop")
            self._report = Report.from_dict(self._read())
        return self._report

    def report(self) -> Report:
        """What it came to; stops the load where it still runs."""
        return self.stop()

    def snapshot(self) -> Report:
        """What is known so far; see `Tally.snapshot` for what it lacks."""
        if self._report is not None:
            return self._report
        self._write("snapshot")
        return Report.from_dict(self._read())

    def wait(self, until: Callable[[Report], bool], *, timeout: float = 60.0) -> Report:
        """Waits until a snapshot is as wanted, and gives it. Raises LoadError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not until(seen := self.snapshot()):
            if time.monotonic() > deadline:
                raise LoadError(f"not seen within {timeout:g} s:\n{seen.summary()}")
            time.sleep(POLL)
        return seen

    def wait_for_version(self, version: str, *, answers: int = 1, timeout: float = 60.0) -> Report:
        """Waits until this version has given so many answers."""
        return self.wait(lambda seen: seen.answers(version) >= answers, timeout=timeout)

    def wait_for_more(self, answers: int = 100, *, timeout: float = 60.0) -> Report:
        """Waits until so many more requests were ok: that the service serves, and the load flows."""
        wanted = self.snapshot().ok + answers
        return self.wait(lambda seen: seen.ok >= wanted, timeout=timeout)

    def _end(self) -> None:
        """Nothing is left of the process, whatever it was doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise LoadError("the load was not started: use `with Load(...)`")
        return self._process

    def _write(self, command: str) -> None:
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(command + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise LoadError(f"the load generator died with {process.wait()}") from None

    def _read(self) -> dict[str, Any]:
        process = self._running()
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise LoadError(f"the load generator died with {process.wait()}")
        content: dict[str, Any] = json.loads(line)
        return content
