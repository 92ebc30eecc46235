"""A stage: its name, what it needs, what it gives, what decides whether it has to run, what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    from pipelines.job import Job

Values = Mapping[str, Any]
"""What a stage hands to those after it, by name; JSON all the way down, and never a secret."""


class Decision(Struct, frozen=True):
    """Whether a stage runs, and why or why not, in words."""

    runs: bool
    reason: str


class Made(Struct, frozen=True):
    """What a stage came to.

    :param text: in words.
    :param unchanged: why there was nothing to do after all, which only doing could tell; empty where it did.
    """

    values: Values = field(default_factory=dict)
    text: str = ""
    unchanged: str = ""


def _nothing_gone(_job: Job, _values: Values) -> str:
    return ""


class Inputs(Struct, frozen=True):
    """What decides whether a stage has to run again, besides what it needs from earlier stages.

    :param folder: where `files` are looked for.
    :param files: globs as in .dockerignore; empty: every file that git does not ignore; None: no file at all.
    :param outputs: paths below `folder` that it makes itself: no inputs, whatever the globs match.
    :param settings: JSON that describes how it would run.
    :param gone: says what is no longer as the stage left it, given the values that it gave; empty if all is.
    """

    folder: Path = Path()
    files: Sequence[str] | None = None
    outputs: Sequence[str] = ()
    settings: Any = None
    gone: Callable[[Job, Values], str] = _nothing_gone


class Stage(Struct, frozen=True):
    """One step of a pipeline.

    :param text: what it does, for people.
    :param needs: names of values that an earlier stage gives.
    :param gives: names of values that it gives.
    :param inputs: what decides whether it has to run; None: it always runs.
    :param foresee: what `--plan` says of a stage that always runs but may find nothing to do, and what that
        gives then.
    :param builds: where the host must have room for it: see `pipelines.preflight`.
    :param off: why there is nothing for it to do in this run; empty where there is.
    """

    name: str
    text: str
    does: Callable[[Job], Made]
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    inputs: Callable[[Job], Inputs] | None = None
    foresee: Callable[[Job], tuple[Decision, Values]] | None = None
    builds: Literal["", "here", "on the engine"] = ""
    off: str = ""
