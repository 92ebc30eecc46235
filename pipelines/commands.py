"""A stage that runs the config's own commands: a build, the tests, an install."""

from __future__ import annotations

import shlex
from pathlib import Path

from deployer import command as commands
from deployer.config.sections.pipelines import Commands
from deployer.errors import CommandFailed
from pipelines.job import Job
from pipelines.plan import digest
from pipelines.stage import Inputs, Made, Stage, Values


def stage(
    pipeline: str,
    name: str,
    text: str,
    settings: Commands,
    folder: Path,
    *,
    needs: tuple[str, ...] = (),
    off: str = "",
) -> Stage:
    """The stage `name`, which gives a value of its own name: a digest of all that decided it.

    So the next stage runs again when this one had to, even where none of its own files have changed.

    :param folder: where the commands run.
    :param off: why there is nothing for it to do in this run.
    """

    def inputs(_job: Job) -> Inputs:
        return Inputs(folder, settings.inputs, settings.outputs, settings.commands, gone=_gone)

    def _gone(_job: Job, _values: Values) -> str:
        missing = _missing(settings, folder)
        return f"{', '.join(missing)} is missing" if missing else ""

    def does(job: Job) -> Made:
        for command in settings.commands:
            with job.phases.phase(name, shlex.join(command)):
                commands.run(command, folder, job.emit)
        if missing := _missing(settings, folder):
            raise CommandFailed(
                f"{name} ended well, but did not make {', '.join(missing)}",
                remedy=f"mend the commands, or pipelines.{pipeline}.{name}.outputs",
            )
        return Made({name: digest(job.decided_by)})

    if not settings.commands:
        off = off or f"pipelines.{pipeline}.{name} has no commands"
    return Stage(name, text, does, needs, (name,), inputs, builds="here", off=off)


def _missing(settings: Commands, folder: Path) -> list[str]:
    return [name for name in settings.outputs if not (folder / name).exists()]
