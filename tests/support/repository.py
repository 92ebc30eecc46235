"""A git repository with a service in it that is built, tested and deployed by the back end's pipeline."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.support.project import Project

DOCKERFILE = """\
FROM {image}
COPY version /srv/version
ENV V={version}
"""
IGNORED = "/.pipeline/\n/build/\n"


def git(folder: Path, *words: str) -> str:
    """A git command in a repository, by somebody with a name."""
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def prepare(project: Project, image: str, **changes: Any) -> None:
    """Makes the project's folder a repository whose image is built on `image`, at version 1."""
    project.keep_orders()
    project.config(
        service={"image": None, "build": {"context": ".", "inputs": ["version"]}},
        rollout={"observe": "0s"},
        pipelines={
            "backend": {
                "build": {
                    "commands": [["sh", "-c", "mkdir -p build && cp version build/made"]],
                    "inputs": ["version"],
                    "outputs": ["build/made"],
                },
                "test": {"commands": [["grep", "-q", "good", "build/made"]], "inputs": ["version"]},
            }
        },
    )
    project.config(**changes)
    (project.folder / ".gitignore").write_text(IGNORED)
    git(project.folder, "init", "--quiet", "--initial-branch=main")
    commit(project, image, 1)


def commit(project: Project, image: str, version: int, text: str = "good") -> str:
    """A commit with a version of the service; its id."""
    (project.folder / "version").write_text(f"{text} {version}\n")
    (project.folder / "Dockerfile").write_text(DOCKERFILE.format(image=image, version=version))
    git(project.folder, "add", "version", "Dockerfile", "config.yaml", ".gitignore")
    git(project.folder, "commit", "--quiet", "--allow-empty", "--message", f"Make version {version}")
    return git(project.folder, "rev-parse", "HEAD")
