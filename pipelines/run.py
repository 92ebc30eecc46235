"""A run: stage after stage decided, done, told and written down, so that the next process can go on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from deployer.errors import DeployerError, Interrupted, UsageError
from deployer.interrupts import shielded
from deployer.sinks.mask import Mask, secrets_of
from pipelines.checkout import UNKNOWN, commit_of
from pipelines.events import StageFailed, StageFinished, StageSkipped, StageStarted
from pipelines.job import Job
from pipelines.plan import FILES, SETTINGS, Facts, decide, digest
from pipelines.stage import Decision, Stage
from pipelines.state import (
    ABORTED,
    FAILED,
    PASSED,
    RUNNING,
    SKIPPED,
    Completion,
    Record,
    Run,
    Store,
    now,
    settle,
)


class Pipeline(Struct, frozen=True):
    """A name and its stages, in their order; a stage needs only what those before it give."""

    name: str
    stages: tuple[Stage, ...]

    def number(self, stage: Stage) -> int:
        """Its place, from 1."""
        return self.stages.index(stage) + 1

    def giver(self, value: str) -> str:
        """The stage that gives a value."""
        return next(stage.name for stage in self.stages if value in stage.gives)


class Result(Struct):
    """What a run came to; `--json` ends with it.

    :param stages: those of this process, as they were recorded.
    :param values: what all stages of the run have given.
    """

    pipeline: str
    run: str = ""
    commit: str = UNKNOWN
    environment: str = ""
    outcome: str = FAILED
    seconds: float = 0.0
    stages: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Planned(Struct, frozen=True):
    """A stage of a plan."""

    stage: str
    runs: bool
    reason: str

    def as_dict(self) -> dict[str, object]:
        return {"stage": self.stage, "runs": self.runs, "reason": self.reason}


class Runner:
    """Runs some stages of a pipeline in a workspace that nobody else uses meanwhile.

    :param store: where what earlier processes left is found.
    """

    def __init__(self, pipeline: Pipeline, job: Job, store: Store) -> None:
        self.pipeline = pipeline
        self.job = job
        self.store = store
        self.state = store.read()
        self._room_known: set[str] = set()

    def run(self, chosen: Sequence[Stage]) -> Result:
        """Run the stages, which follow one another.

        :raises DeployerError: what the first stage that fails raised, with `result` set.
        """
        began = time.monotonic()
        result = Result(self.pipeline.name)
        try:
            run = self._begin(chosen[0])
            result.run, result.commit, result.environment = run.id, run.commit, run.environment
            for stage in chosen:
                self._stage(stage)
            result.outcome = PASSED
        except DeployerError as error:
            result.outcome = ABORTED if isinstance(error, Interrupted) else FAILED
            self._conclude(result, chosen, began)
            # What a rollout had come to is a part of what the pipeline had.
            error.result = {**result.as_dict(), **({"rollout": error.result} if error.result else {})}
            raise
        self._conclude(result, chosen, began)
        return result

    def plan(self, chosen: Sequence[Stage]) -> list[Planned]:
        """What `run` would do with each stage, as far as can be told before the first one has run."""
        self._take_up(chosen[0])
        planned = []
        uncertain: dict[str, str] = {}
        for stage in chosen:
            awaited = dict.fromkeys(uncertain[name] for name in stage.needs if name in uncertain)
            decision = self._decide(stage, tuple(awaited))
            values = self._skipped_values(stage)
            if decision.runs and stage.foresee and not awaited and not self.job.parameters.force:
                decision, values = stage.foresee(self.job)
            if decision.runs:
                uncertain |= dict.fromkeys(stage.gives, stage.name)
            else:
                self._hand_on(values)
            planned.append(Planned(stage.name, decision.runs, decision.reason))
        return planned

    # -- the run -------------------------------------------------------------

    def _begin(self, first: Stage) -> Run:
        settle(self.state)
        run = self._take_up(first)
        self.store.write(self.state)
        return run

    def _take_up(self, first: Stage) -> Run:
        """Go on with the run that the file tells of, if it is of this commit; else begin one."""
        environ, old = self.job.environ, self.state.run
        commit, environment = commit_of(self.job.root), self.job.config.environment or ""
        earlier = [stage.name for stage in self.pipeline.stages[: self.pipeline.number(first) - 1]]
        tag, url, began = environ.get("BUILD_TAG", ""), environ.get("BUILD_URL", ""), now()
        if old and earlier and (old.commit, old.environment) == (commit, environment):
            # Jenkins gives a build that is restarted at a stage another number.
            run = replace(old, id=tag or old.id, url=url or old.url)
        else:
            run, earlier = Run(tag or f"local-{began}", commit, began, environment, url), []
        self.state.run = run
        self.state.records = {
            name: self.state.records[name] for name in earlier if name in self.state.records
        }
        self.job.values = self.state.values()
        return run

    def _stage(self, stage: Stage) -> None:
        place = (stage.name, self.pipeline.number(stage), len(self.pipeline.stages))
        began, start = now(), time.monotonic()
        self._check_needs(stage)
        try:
            decision = self._decide(stage)
            if not decision.runs:
                values = self._skipped_values(stage)
                self._record(stage, Record(SKIPPED, decision.reason, began, _since(start), "", values))
                self.job.emit(StageSkipped(*place, decision.reason))
                return
            self.job.emit(StageStarted(*place, stage.text, decision.reason))
            self._record(stage, Record(RUNNING, decision.reason, began))
            decided_by = dict(self.job.decided_by)
            self._check_room(stage)
            made = stage.does(self.job)
        except DeployerError as error:
            outcome = ABORTED if isinstance(error, Interrupted) else FAILED
            with shielded():
                # It stays in a file, and goes into a report: what a command has printed is in it.
                told = Mask(secrets_of(self.job.config, self.job.environ)).all(error.as_dict())
                record = Record(outcome, "", began, _since(start), error=told, memory=peak())
                self._record(stage, record)
                self.job.emit(StageFailed(*place, _since(start), outcome))
            raise
        outcome = SKIPPED if made.unchanged else PASSED
        reason = made.unchanged or decision.reason
        record = Record(outcome, reason, began, _since(start), made.text, made.values, memory=peak())
        if stage.inputs is not None:
            self.state.completions[stage.name] = Completion(now(), decided_by, made.values)
        self._record(stage, record)
        if made.unchanged:
            self.job.emit(StageSkipped(*place, reason))
        else:
            self.job.emit(StageFinished(*place, record.seconds, made.text))

    def _record(self, stage: Stage, record: Record) -> None:
        self.state.records[stage.name] = record
        if record.good:
            self._hand_on(record.values)
        self.store.write(self.state)

    def _hand_on(self, values: Mapping[str, Any]) -> None:
        self.job.values |= values

    def _check_needs(self, stage: Stage) -> None:
        missing = [name for name in stage.needs if name not in self.job.values]
        if stage.off or not missing:
            return
        giver = self.pipeline.giver(missing[0])
        raise UsageError(
            f"{stage.name} needs what {giver} gives, and {giver} has not ended well in this run",
            remedy=f"run from there on: python -m pipelines {self.pipeline.name} --from {giver}",
            details=[f"this run: commit {self.state.run.commit if self.state.run else UNKNOWN}"],
        )

    def _check_room(self, stage: Stage) -> None:
        if stage.builds and stage.builds not in self._room_known:
            from pipelines import preflight

            preflight.check(self.job, engine=stage.builds == "on the engine")
            self._room_known.add(stage.builds)

    # -- what decides ----------------------------------------------------------

    def _decide(self, stage: Stage, awaited: Sequence[str] = ()) -> Decision:
        """Whether the stage runs; `job.decided_by` is what it is decided by."""
        self.job.decided_by = {}
        force = self.job.parameters.force
        if stage.off or stage.inputs is None:
            return decide(stage, Facts(awaited=awaited, force=force))
        done = self.state.completions.get(stage.name)
        if awaited:
            return decide(stage, Facts({}, done, awaited=awaited, force=force))
        inputs = stage.inputs(self.job)
        decided_by = {name: digest(self.job.values.get(name)) for name in stage.needs}
        decided_by[SETTINGS] = digest(inputs.settings)
        if inputs.files is not None:
            key = f"pipelines.{self.pipeline.name}.{stage.name}.inputs"
            decided_by[FILES] = self.job.files.digest(
                inputs.folder, inputs.files, outputs=inputs.outputs, key=key
            )
        self.job.decided_by = decided_by
        gone = ""
        # Whether all is still there may be a question to the engine: only asked where it matters.
        if done is not None and not force and done.decided_by == decided_by:
            gone = inputs.gone(self.job, done.values)
        return decide(stage, Facts(decided_by, done, gone, force=force))

    def _skipped_values(self, stage: Stage) -> Mapping[str, Any]:
        done = self.state.completions.get(stage.name)
        if stage.off or done is None:
            return dict.fromkeys(stage.gives)
        return done.values

    def _conclude(self, result: Result, chosen: Sequence[Stage], began: float) -> None:
        with contextlib.suppress(DeployerError):
            self.job.files.save()  # only makes the next run quicker
        result.seconds = _since(began)
        result.values = self.state.values()
        names = [stage.name for stage in chosen if stage.name in self.state.records]
        result.stages = [_told(name, self.state.records[name]) for name in names]


def _told(name: str, record: Record) -> dict[str, Any]:
    return {
        "stage": name,
        "outcome": record.outcome,
        "reason": record.reason,
        "seconds": record.seconds,
        "text": record.text,
        "memory": record.memory,
    }


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)


def peak() -> int:
    """The most memory that this process has held, in bytes; 0 where the system does not tell.

    Of this program alone: getrusage counts what the parent had before.
    """
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    return 0


@contextlib.contextmanager
def opened(pipeline: Pipeline, job: Job) -> Iterator[Runner]:
    """A runner that has the workspace to itself. :raises Locked: somebody else works there."""
    store = Store(job.root, pipeline.name)
    with store.alone():
        yield Runner(pipeline, job, store)
