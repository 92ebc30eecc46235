"""What a command costs: memory, and time before it does anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.figures import Figure, Section
from benchmarks.stand import Stand
from benchmarks.usage import usage
from tests.support.images import ROOT
from tests.support.project import Project

TITLE = "Deployer"
HOW = """\
Time: of the whole process, alternating with that of what it is compared to. A bare interpreter is
`python -c pass`. `import docker` leaves paramiko out, as the deployer does where no SSH is wanted (with it,
the import takes about twice as long). Memory: the peak resident set that the kernel reports for the process,
started from a small one, for a parent's size counts as its child's. The rollout that builds is given a
context of 64 MiB.
"""
CONTEXT_MIB = 64

BARE = ("-c", "pass")
IMPORT = ("-c", "import sys; sys.modules['paramiko'] = None; import docker")
DEPLOYER = ("-m", "deployer")


def measure(stand: Stand) -> list[Section]:
    with stand.project() as project:
        stand.say("time of --help and status")
        extra_help = added(project, (*DEPLOYER, "--help"), BARE, stand.runs(21, 7))
        extra_status = added(project, (*DEPLOYER, "status"), IMPORT, stand.runs(15, 5))
        stand.say("memory of status and rollout")
        runs = stand.runs(3, 1)
        status = [peak(project, *DEPLOYER, "status") for _ in range(runs)]
        rollout = [peak(project, *DEPLOYER, "rollout", "--image", stand.new) for _ in range(runs)]
        prepare_build(project, stand.old)
        builds = [peak(project, *DEPLOYER, "rollout")]
    return [
        Section.of(
            TITLE,
            HOW,
            [
                Figure("`--help`, over a bare interpreter", extra_help, "ms", 120.0),
                Figure("`status`, over `import docker`", extra_status, "ms", 300.0),
                Figure("peak memory of `status`", status, "MB", 80.0),
                Figure("peak memory of `rollout --image`", rollout, "MB", 80.0),
                Figure("peak memory of a rollout that builds", builds, "MB", 80.0),
            ],
        )
    ]


def added(project: Project, command: Sequence[str], base: Sequence[str], runs: int) -> list[float]:
    """Milliseconds that a Python command takes longer than another, pair by pair."""
    for arguments in (command, base):  # once for the bytecode and the page cache
        seconds(project, arguments)
    return [(seconds(project, command) - seconds(project, base)) * 1000 for _ in range(runs)]


def seconds(project: Project, arguments: Sequence[str]) -> float:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return time.monotonic() - began


def peak(project: Project, *arguments: str) -> float:
    """The peak resident set of a Python command, in MB."""
    return usage([sys.executable, *arguments], project.folder, {"PYTHONPATH": str(ROOT)}).peak


def prepare_build(project: Project, base: str) -> None:
    """Makes the project one that builds its image."""
    context = project.folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {base}\nCOPY ballast /ballast\n", encoding="utf-8")
    (context / "ballast").write_bytes(os.urandom(2**20) * CONTEXT_MIB)
    project.config(
        service={"image": None, "build": {"context": "context", "dockerfile": "context/Dockerfile"}}
    )
