"""Which commit an image was built from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

UNKNOWN = "unknown"


class Revision(Struct, frozen=True):
    """`sha` is 40 hex digits, `dirty` is true or false; both are unknown without git or a repository."""

    sha: str = UNKNOWN
    dirty: str = UNKNOWN


def revision(folder: Path, paths: Sequence[Path]) -> Revision:
    """The commit of the repository around `folder`, and whether `paths` differ from it."""
    sha = ask(folder, "rev-parse", "--verify", "HEAD")
    if sha is None:
        return Revision()
    changes = ask(folder, "status", "--porcelain", "--", *(str(path.absolute()) for path in paths))
    return Revision(sha, UNKNOWN if changes is None else "true" if changes else "false")


def ask(folder: Path, *arguments: str) -> str | None:
    """What git says about the repository around `folder`; None without one or without git, or if it fails.

    Names of files are as `os` has them: they need not be UTF-8.
    """
    said = _output(folder, arguments)
    return None if said is None else os.fsdecode(said).strip()


def shown(folder: Path, *arguments: str) -> str | None:
    """The same of what people wrote, only to be shown: git does not see to it that a message is UTF-8."""
    said = _output(folder, arguments)
    return None if said is None else said.decode("utf-8", "replace").strip()


def _output(folder: Path, arguments: Sequence[str]) -> bytes | None:
    # Without optional locks: a status must not get in the way of a commit made at the same time.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
