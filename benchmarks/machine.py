"""The machine that the figures are of."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from docker import DockerClient


def description(client: DockerClient) -> str:
    """One line: processors, memory, kernel, engine, and how busy it was with other things."""
    info = client.info()
    return (
        f"{info['NCPU']} × {_processor()}, {info['MemTotal'] / 2**30:.0f} GiB, {info['OperatingSystem']}, "
        f"Linux {info['KernelVersion']}, Docker {info['ServerVersion']} ({info['Driver']}), "
        f"Python {platform.python_version()}"
    )


def busyness() -> str:
    """The load average: figures of a machine with other work to do are worth less."""
    one, five, _ = os.getloadavg()
    return f"{one:.1f} over the last minute, {five:.1f} over the last five"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
