"""What lies in the workspace: the commit, its branch, and whether the files are still those of the commit.

Getting the files there is the business of whoever starts the pipeline: Jenkins checks out before the first
stage, and a laptop has a checkout already.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from deployer.image import git

UNKNOWN = git.UNKNOWN


class Checkout(Struct, frozen=True):
    """
    :param commit: 40 hex digits, or unknown.
    :param subject: the first line of the commit's message.
    :param changes: how many files differ from the commit, or are not in it.
    """

    commit: str
    branch: str
    subject: str
    changes: int

    @property
    def text(self) -> str:
        """For people: `1a2b3c4d on main, 2 files differ: Mend the clock`."""
        if self.commit == UNKNOWN:
            return "no commit here: the files as they are"
        differ = f", {self.changes} file(s) differ" if self.changes else ""
        return f"{self.commit[:12]} on {self.branch}{differ}: {self.subject}"


def commit_of(root: Path) -> str:
    """The commit that the workspace is at."""
    return git.ask(root, "rev-parse", "--verify", "HEAD") or UNKNOWN


def look(root: Path, environ: Mapping[str, str]) -> Checkout:
    """What the workspace holds; Jenkins checks out a commit, not a branch, and tells the branch."""
    commit = commit_of(root)
    branch = environ.get("GIT_BRANCH") or git.shown(root, "rev-parse", "--abbrev-ref", "HEAD") or UNKNOWN
    subject = git.shown(root, "log", "-1", "--format=%s") or ""
    changes = git.ask(root, "status", "--porcelain") or ""
    return Checkout(commit, branch, subject, len(changes.splitlines()))
