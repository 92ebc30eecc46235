"""`python -m pipelines backend` and `frontend`: a whole pipeline, a part of it, a plan, the reports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, lock_wait
from deployer.errors import DeployerError, ExitStatus, UsageError
from deployer.events import RunSettled
from deployer.interrupts import shielded
from pipelines.parameters import STRATEGIES, Parameters, parameters

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from pipelines.run import Pipeline, Result, Runner
    from pipelines.stage import Stage

REPORT = "report"
"""In place of a stage: write the reports of what has run."""

STAGES = {
    "backend": ("checkout", "build", "test", "containerize", "redeploy", "prune"),
    "frontend": ("checkout", "install", "build", "deploy", "invalidate", "verify"),
}
"""For the command line's help, which must not load a config to know them; a test compares them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a pipeline, whose name is the command's."""
    name = parser.prog.rpartition(" ")[2]
    parser.add_argument(
        "stage",
        nargs="?",
        metavar="STAGE",
        choices=(*STAGES[name], REPORT),
        help=f"only this one: {', '.join(STAGES[name])}; or {REPORT}, which writes the reports anew",
    )
    parser.add_argument(
        "--from", dest="first", metavar="STAGE", choices=STAGES[name], help="this one and those after it"
    )
    parser.add_argument("--plan", action="store_true", help="only say which stages would run, and why")
    parser.add_argument(
        "--force", action="store_true", help="run also what has not changed (PIPELINE_FORCE=true)"
    )
    if name == "backend":
        parser.add_argument(
            "--strategy", choices=STRATEGIES, help="instead of rollout.strategy (PIPELINE_STRATEGY)"
        )
    parser.add_argument(
        "--rollback-to",
        metavar="RELEASE",
        help="go back to a release, and build nothing (PIPELINE_ROLLBACK_TO)",
    )
    add_lock_wait(parser)
    parser.epilog = f"""examples:
  pipelines {name}                     all stages; those whose inputs have not changed are skipped
  pipelines {name} {STAGES[name][3]:<19} one stage, as Jenkins runs it
  pipelines {name} --from {STAGES[name][3]:<12} it and those after it
  pipelines {name} --plan              what would run, and why

Without -e, the environment is that of PIPELINE_ENVIRONMENT. docs/pipelines.md says more.
"""


def told(args: argparse.Namespace) -> Deed | None:
    """What others are told that this does: one story for all stages of a run, whatever processes they are."""
    if args.plan:
        return None
    from pipelines.files import FOLDER

    name: str = args.command
    single = args.stage is not None
    return Deed(
        f"pipelines {name}",
        commit=not args.rollback_to,
        final=not single or args.stage == STAGES[name][-1],
        silent=args.stage == REPORT,
        memory=Path(FOLDER) / f"{name}-told" if single else None,
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Run, plan or report."""
    name: str = args.command
    if args.stage and args.first:
        raise UsageError("give either one STAGE or --from", remedy=f"`pipelines {name} --help`")
    args.strategy = getattr(args, "strategy", None)
    asked = parameters(args, context.environ, lock_wait(args))
    args.env = asked.environment
    config = context.config(args)
    pipeline = _pipeline(name, config, asked)
    with _opened(args, context, pipeline, config, asked) as runner:
        if args.stage == REPORT:
            return _report(runner, config, args, context)
        chosen = _chosen(pipeline, args)
        if args.plan:
            return _plan(runner, chosen, args, context)
        try:
            result = runner.run(chosen)
        finally:
            if not args.stage:
                _leave_reports(runner, config)
    return _conclude(result, args, context)


def _pipeline(name: str, config: Config, asked: Parameters) -> Pipeline:
    # Only the one that runs is imported.
    if name == "backend":
        from pipelines import backend

        return backend.pipeline(config, asked)
    from pipelines import frontend

    return frontend.pipeline(config, asked)


@contextmanager
def _opened(
    args: argparse.Namespace, context: Context, pipeline: Pipeline, config: Config, asked: Parameters
) -> Iterator[Runner]:
    from pipelines.files import files_of
    from pipelines.job import Job
    from pipelines.run import opened

    job = Job(config, asked, context.environ, context.emit(args), files_of(config, pipeline.name))
    with opened(pipeline, job) as runner:
        yield runner


def _chosen(pipeline: Pipeline, args: argparse.Namespace) -> Sequence[Stage]:
    names = [stage.name for stage in pipeline.stages]
    if args.stage:
        return pipeline.stages[names.index(args.stage) :][:1]
    return pipeline.stages[names.index(args.first) if args.first else 0 :]


def _plan(runner: Runner, chosen: Sequence[Stage], args: argparse.Namespace, context: Context) -> int:
    planned = runner.plan(chosen)
    if args.json:
        context.print_json({"stages": [each.as_dict() for each in planned]})
        return ExitStatus.OK
    width = max(len(each.stage) for each in planned)
    for each in planned:
        line = f"{each.stage:<{width}}  {'runs' if each.runs else 'skip'}  {each.reason}"
        context.print(line.rstrip())
    return ExitStatus.OK


def _report(runner: Runner, config: Config, args: argparse.Namespace, context: Context) -> int:
    from pipelines.reports import outcome_of, write
    from pipelines.state import settle

    if settle(runner.state):
        runner.store.write(runner.state)
    paths = write(runner.pipeline, runner.state, config.root / config.pipelines.reports)
    outcome = outcome_of(runner.pipeline, runner.state)
    context.tell(_settled(runner, outcome))
    if args.json:
        context.print_json({"outcome": outcome, "reports": [str(path) for path in paths]})
    else:
        context.print("\n".join(str(path) for path in paths))
    return ExitStatus.OK


def _settled(runner: Runner, outcome: str) -> RunSettled:
    """How the run ended, for whoever was not told by a stage: Jenkins may have killed it."""
    from pipelines.reports import failures
    from pipelines.state import ABORTED, FAILED

    reason = next((f"{found['stage']}: {found['message']}" for found in failures(runner.state)), "")
    state = {FAILED: "failed", ABORTED: "stopped"}.get(outcome, "succeeded")
    return RunSettled(f"pipelines {runner.pipeline.name}", state, reason)


def _leave_reports(runner: Runner, config: Config) -> None:
    """After whatever has happened: also when the run failed, and then its error is the one to hear of."""
    from pipelines.reports import write

    failing = sys.exc_info()[1]
    with shielded():
        try:
            write(runner.pipeline, runner.state, config.root / config.pipelines.reports)
        except DeployerError:
            if failing is None:
                raise


def _conclude(result: Result, args: argparse.Namespace, context: Context) -> int:
    if args.json:
        context.print_json(result.as_dict())
        return ExitStatus.OK
    skipped = sum(stage["outcome"] == "skipped" for stage in result.stages)
    told = f"{skipped} of {len(result.stages)} stage(s) skipped, " if skipped else ""
    context.print(f"{result.pipeline}: {result.outcome} ({told}{result.seconds:.1f} s)")
    return ExitStatus.OK
