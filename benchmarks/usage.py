"""What a command takes: time, processor time and memory, as the kernel counts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stand import BenchError

# Waits for its only child, which is what makes the numbers the child's; its own 9 MB are a floor under the
# peak. Started from a large process, a command would be said to be as large.
WAITER = """
import json, os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
began = time.monotonic()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(process, 0)
seconds = time.monotonic() - began
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6]))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Usage:
    """
    :param seconds: from its start to its end.
    :param cpu: seconds of processor time, user and system.
    :param peak: MB, the peak resident set.
    """

    seconds: float
    cpu: float
    peak: float


def usage(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Usage:
    """Runs a command to its end, its output thrown away. Raises BenchError where it fails."""
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WAITER, *command],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
    )
    if found.returncode != 0:
        raise BenchError(f"{' '.join(command)}: exit code {found.returncode}\n{found.stderr}")
    return Usage(*json.loads(found.stdout))
