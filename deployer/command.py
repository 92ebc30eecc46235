"""A command that the config names, run on this machine: its output as events, its end with ours."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployer.errors import CommandFailed
from deployer.events import BuildProgress, Emit

TAIL = 30
"""Lines of output that an error shows."""

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a command that we leave early."""


def run(command: Sequence[str], folder: Path, emit: Emit) -> None:
    """Run a command in `folder`, its output as events.

    :raises CommandFailed: it cannot be run, or failed; the details are the tail of its output.
    """
    shown = shlex.join(command)
    tail: deque[str] = deque(maxlen=TAIL)
    try:
        with _running(command, folder) as process:
            for line in process.stdout or ():
                tail.append(line.rstrip())
                emit(BuildProgress(tail[-1]))
            code = process.wait()
    except OSError as error:
        raise CommandFailed(
            f"{shown} cannot be run in {folder} ({error.strerror})",
            remedy=f"name a file that is in {folder}, or a program on PATH",
        ) from error
    if code != 0:
        ended = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise CommandFailed(f"{shown} failed ({ended})", details=tail)


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
