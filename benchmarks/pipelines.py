"""What a pipeline costs beside the work that it has done: with nothing to do, with little, for each stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks import site
from benchmarks.costs import BARE, added, peak
from benchmarks.figures import Figure, Section
from benchmarks.stand import BenchError, Stand
from benchmarks.usage import usage
from tests.support import repository, s3
from tests.support.images import ROOT
from tests.support.project import Project

TITLE = "Pipelines"
HOW = """\
A git repository with a service that is built and tested (by commands that take no time), containerized and
rolled out without being watched. Times are of the whole `python -m pipelines backend`. After a commit that
changes one line, what the image's build took, as the pipeline tells it, is taken off; the rollout is not. A
stage's process: one that is skipped, one that runs `grep`, over a bare interpreter (`python -c pass`), pair
by pair. Memory: the peak of each process, as the kernel reports it; commands and the engine have their own.
The front end's is a site of {files} files, in a bucket of SeaweedFS on the same machine; what stands for npm
does nothing.
"""
BACKEND = ("-m", "pipelines", "backend")
STAGES = ("checkout", "build", "test", "containerize", "redeploy", "prune")
FRONTEND = ("-m", "pipelines", "frontend")
FRONT_STAGES = ("checkout", "install", "build", "deploy", "invalidate", "verify")


def measure(stand: Stand) -> list[Section]:
    with stand.project() as project:
        repository.prepare(project, stand.old)
        stand.say("the first run")
        timed(project)
        stand.say("nothing changed")
        nothing = [timed(project)[0] for _ in range(stand.runs(11, 3))]
        stand.say("one line changed")
        changed, rollouts = [], []
        for number in range(stand.runs(7, 2)):
            repository.commit(project, stand.old, 2 + number)
            seconds, stages = timed(project)
            changed.append(seconds - stages["containerize"])
            rollouts.append(stages["redeploy"])
        stand.say("one stage")
        runs = stand.runs(21, 5)
        skipped = added(project, (*BACKEND, "test"), BARE, runs)
        forced = added(project, (*BACKEND, "test", "--force"), BARE, runs)
        stand.say("memory")
        repository.commit(project, stand.old, 100)
        memory = [(stage, peak(project, *BACKEND, stage)) for stage in STAGES]
        repository.commit(project, stand.old, 101)
        whole = [peak(project, *BACKEND)]
    stand.say("memory of the front end's stages")
    files = stand.runs(5001, 501)
    front, front_whole = front_memory(files)
    return [
        Section.of(
            TITLE,
            HOW.format(files=f"{files:,}"),
            [
                Figure("`pipelines backend`, nothing changed", nothing, "s", 2.0),
                Figure("one line changed, without the image's build", changed, "s", 2.0),
                Figure("of which the rollout", rollouts, "s"),
                Figure("a stage's process that is skipped", skipped, "ms", 300.0),
                Figure("a stage's process that runs `grep`", forced, "ms", 300.0),
                *(Figure(f"peak memory of `{stage}`", [value], "MB") for stage, value in memory),
                Figure("peak memory of the whole", whole, "MB", 80.0),
                *(Figure(f"front end: peak memory of `{stage}`", [value], "MB") for stage, value in front),
                Figure("front end: peak memory of the whole", [front_whole], "MB", 80.0),
            ],
        )
    ]


def front_memory(files: int) -> tuple[list[tuple[str, float]], float]:
    """The peak of each stage of the front end's pipeline, in MB, and that of a run of all of them anew."""
    nothing = {"commands": [["true"]], "inputs": ["config.yaml"], "outputs": []}
    with s3.seaweedfs() as server, tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder:
        built = site.Site(Path(folder), files)
        built.build()
        config = {
            "service": {"name": "bench", "image": "bench:1", "port": 80},
            "site": {"bucket": server.bucket(), "endpoint": server.endpoint},
            "pipelines": {"frontend": {"install": nothing, "build": nothing}},
        }
        (built.folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        repository.git(built.folder, "init", "--quiet", "--initial-branch=main")
        repository.git(built.folder, "add", "config.yaml")
        repository.git(built.folder, "commit", "--quiet", "--message", "Make a site")

        def taken(*words: str) -> float:
            environ = {**server.environ, "PYTHONPATH": str(ROOT)}
            return usage([sys.executable, *FRONTEND, *words], built.folder, environ).peak

        stages = [(stage, taken(stage)) for stage in FRONT_STAGES]
        built.change()
        return stages, taken("--force")


def timed(project: Project, words: Sequence[str] = ()) -> tuple[float, dict[str, float]]:
    """Seconds of a whole run, and of each of its stages as it tells them."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *BACKEND, *words, "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise BenchError(
            f"pipelines backend: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr}"
        )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seconds, {stage["stage"]: stage["seconds"] for stage in result["stages"]}
