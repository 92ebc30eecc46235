"""A deployer that is struck before its n-th effect, as `tests.support.crash` does it."""

from __future__ import annotations

import subprocess

from tests.support import nursery
from tests.support.project import Project


def accident(project: Project, signal: str, strike: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs `deployer WORDS` to its end or to the accident; with exit code 0 there were fewer effects.

    :param signal: KILL, TERM or INT
    """
    return nursery.run(
        "tests.support.crash", [signal, str(strike), *words], cwd=project.folder, env=project.environment()
    )
