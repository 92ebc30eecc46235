"""Commands of the config that run on this machine before the context is read."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployer.errors import BuildFailed
from deployer.events import BuildProgress, Emit, Note
from deployer.image.progress import TAIL

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a command that we leave early."""


def prepare(commands: Sequence[Sequence[str]], folder: Path, events: Emit) -> None:
    """Run the commands in `folder`, one after the other, their output as events.

    :raises BuildFailed: one could not be run or failed; the details are the tail of its output.
    """
    for command in commands:
        shown = shlex.join(command)
        events(Note(f"running {shown}"))
        tail: deque[str] = deque(maxlen=TAIL)
        try:
            with _running(command, folder) as process:
                for line in process.stdout or ():
                    tail.append(line.rstrip())
                    events(BuildProgress(tail[-1]))
                code = process.wait()
        except OSError as error:
            raise BuildFailed(
                f"service.build.prepare: {shown} cannot be run in {folder} ({error.strerror})",
                remedy="it runs in the folder of config.yaml: name a file from there, or a program on PATH",
            ) from error
        if code != 0:
            ended = f"exit code {code}" if code > 0 else f"signal {-code}"
            raise BuildFailed(f"service.build.prepare: {shown} failed ({ended})", details=tail)


@contextlib.contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that ends, with all it started, when the block is left early."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            yield process
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[str]) -> None:
    # SIGKILL in any case: what the command started need not heed the first one, nor end with it.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
