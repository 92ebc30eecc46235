"""Accidents in a row: before each effect of a command, under load, with everything in order after each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from benchmarks.load import Load
from tests.support.accidents import accident as struck
from tests.support.project import Project
from tests.support.scale import SOAK, USUAL

MOST_EFFECTS = 200
"""More than any command has: the strikes end when a command runs to its end."""

EXIT_CODES = {"KILL": -9, "TERM": 143, "INT": 130, "HUP": 129}


def points(*quick: int) -> Sequence[int]:
    """The effects to strike before: in a soak each, else these, which `tests.support.crash` names."""
    return range(1, MOST_EFFECTS) if SOAK else quick


@contextlib.contextmanager
def under_load(project: Project) -> Iterator[Load]:
    """Load for as long as the block lasts; at its end nothing may have been lost."""
    with Load(project.url, USUAL) as load:
        load.wait_for_more(50)
        yield load
    report = load.report()
    assert report.clean, report.summary()


def accident(project: Project, signal: str, strike: int, *words: str) -> int:
    """Run the deployer with an accident before its n-th effect; its exit code."""
    done = struck(project, signal, strike, *words)
    project.last = done.stderr
    return done.returncode


def strike_at(project: Project, signal: str, strikes: Sequence[int], words: Sequence[str]) -> int:
    """Strike at each of these points, as long as the command has as many; how many it were."""
    struck = 0
    with under_load(project) as load:
        for strike in strikes:
            code = accident(project, signal, strike, *words)
            if code == 0:
                return struck
            struck += 1
            assert code == EXIT_CODES[signal], f"struck at {strike}: exit code {code}\n{project.last}"
            if signal == "KILL":
                project.run("recover")
            # The other signals clean up at once, with no further command.
            assert project.leftovers() == [], f"struck at {strike}\n{project.last}"
            load.wait_for_more(10)
    assert struck < MOST_EFFECTS - 1, f"{words[0]} has more effects than there are strikes"
    return struck
