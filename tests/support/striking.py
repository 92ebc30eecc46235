"""Accidents in a row: before each effect of a command, under load, with everything in order after each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from benchmarks.load import Load, Mix
from deployer.edge.session import PREVIEW_MAP
from tests.support.accidents import accident as struck
from tests.support.project import Project
from tests.support.scale import SOAK, USUAL
from tests.support.standing import edge_of

MOST_EFFECTS = 200
"""More than any command has: the strikes end when a command runs to its end."""

EXIT_CODES = {"KILL": -9, "TERM": 143, "INT": 130, "HUP": 129}


def points(*quick: int) -> Sequence[int]:
    """The effects to strike before: in a soak each, else these, which `tests.support.crash` names."""
    return range(1, MOST_EFFECTS) if SOAK else quick


@contextlib.contextmanager
def under_load(project: Project, mix: Mix = USUAL) -> Iterator[Load]:
    """Load for as long as the block lasts; at its end nothing may have been lost."""
    with Load(project.url, mix) as load:
        load.wait_for_more(50)
        yield load
    report = load.report()
    assert report.clean, report.summary()


def accident(project: Project, signal: str, strike: int, *words: str) -> int:
    """Run the deployer with an accident before its n-th effect; its exit code."""
    done = struck(project, signal, strike, *words)
    project.last = done.stderr
    return done.returncode


def strike_at(
    project: Project,
    signal: str,
    strikes: Sequence[int],
    words: Sequence[str],
    *,
    mix: Mix = USUAL,
    before: Callable[[int], object] = lambda _: None,
) -> list[str]:
    """Strike at each of these points, as long as the command has as many; the effects that did not happen.

    :param before: done before each strike, with its number.
    """
    struck: list[str] = []
    with under_load(project, mix) as load:
        for strike in strikes:
            before(strike)
            code = accident(project, signal, strike, *words)
            if code == 0:
                return struck
            struck.append(project.last.partition(f"effect {strike} ")[2].partition("\n")[0])
            assert code == EXIT_CODES[signal], f"struck at {strike}: exit code {code}\n{project.last}"
            if signal == "KILL":
                project.run("recover")
            # The other signals clean up at once, with no further command.
            assert project.leftovers() == [], f"struck at {strike}\n{project.last}"
            assert previews(project) == "", f"struck at {strike}\n{project.last}"
            load.wait_for_more(10)
    assert len(struck) < MOST_EFFECTS - 1, f"{words[0]} has more effects than there are strikes"
    return struck


def previews(project: Project) -> str:
    """The ways to a release that does not serve yet, which HAProxy still knows."""
    ask = f'echo "show map {PREVIEW_MAP}" | socat - "UNIX-CONNECT:$EDGE_SOCKET"'
    code, said = edge_of(project).exec_run(["sh", "-c", ask])
    assert code == 0, said
    return str(said.decode().strip())
