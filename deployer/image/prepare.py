"""Commands of the config that run on this machine before the context is read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from deployer.command import run
from deployer.errors import BuildFailed, CommandFailed
from deployer.events import Emit, Note


def prepare(commands: Sequence[Sequence[str]], folder: Path, events: Emit) -> None:
    """Run the commands in `folder`, one after the other, their output as events.

    :raises BuildFailed: one could not be run or failed; the details are the tail of its output.
    """
    for command in commands:
        events(Note(f"running {shlex.join(command)}"))
        try:
            run(command, folder, events)
        except CommandFailed as error:
            raise BuildFailed(
                f"service.build.prepare: {error.message}", remedy=error.remedy, details=error.details
            ) from error
