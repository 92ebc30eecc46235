"""Events as numbers that an alarm can watch. Each metric has the one dimension Service.

    Deploys            1 for each deploy that came to an end, good or bad
    FailedDeploys      0 or 1 for the same: an alarm watches its sum
    DeploySeconds      how long the good ones took
    Rollbacks          1 where a bad release was taken back by itself, or a person went back
    FailedBuilds       1 where an image or a command of a pipeline was what failed
    PrunedBytes        what a prune has freed
    DoctorWarnings, DoctorErrors    how much `doctor` has found

An event of another kind can have numbers of its own: a method `measures()` that gives Metrics.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from deployer.errors import ExitStatus
from deployer.events import (
    CommandFailed,
    CommandFinished,
    DoctorFound,
    Event,
    NotifyTested,
    Pruned,
    RolledBack,
)
from deployer.sinks.end import Run
from deployer.sinks.wanted import bare

DEPLOYS = (
    "rollout",
    "rollback",
    "adopt",
    "site deploy",
    "site rollback",
    "pipelines backend",
    "pipelines frontend",
)
NO_DEPLOY = {
    ExitStatus.USAGE,
    ExitStatus.LOCKED,
    ExitStatus.HANGUP,
    ExitStatus.INTERRUPTED,
    ExitStatus.TERMINATED,
}
"""Ends for which nobody has to be woken: a mistyped word, somebody else at work, a change of mind."""
BUILDS = {ExitStatus.IMAGE, ExitStatus.COMMAND}


class Metric(Struct, frozen=True):
    """:param unit: one of CloudWatch's: Count, Seconds, Bytes, Percent."""

    name: str
    value: float
    unit: str = "Count"


def metrics_of(event: Event, run: Run) -> Iterator[Metric]:
    """The numbers of an event."""
    inner = bare(event)
    deploys = run.command in DEPLOYS
    match inner:
        case CommandFinished(final=True) if deploys:
            yield from (Metric("Deploys", 1), Metric("FailedDeploys", 0))
            yield Metric("DeploySeconds", inner.seconds, "Seconds")
            if run.command.endswith("rollback"):
                yield Metric("Rollbacks", 1)
        case CommandFailed() if inner.exit_status not in NO_DEPLOY:
            if deploys:
                yield from (Metric("Deploys", 1), Metric("FailedDeploys", 1))
            if inner.exit_status in BUILDS:
                yield Metric("FailedBuilds", 1)
        case RolledBack():
            yield Metric("Rollbacks", 1)
        case Pruned():
            yield Metric("PrunedBytes", inner.bytes, "Bytes")
        case DoctorFound():
            yield Metric("DoctorErrors" if inner.level == "error" else "DoctorWarnings", 1)
        case NotifyTested():
            yield Metric("NotifyTests", 1)
    measures = getattr(inner, "measures", None)
    if measures is not None:
        yield from measures()
