"""A contest: each way to deploy swaps the same two images under the same load, several times."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from benchmarks.load import Load, Mix
from benchmarks.stand import NEW, OLD, BenchError

MIX = Mix(
    keepalive=8,
    oneshot=4,
    post=4,
    pausing=2,
    slow=2,
    stream=0,
    upload=0,
    rate=300.0,
    slow_path="/slow?s=1",
)
"""With requests of one second, so that some are always on their way when a release goes."""


class Way(Protocol):
    """A way to deploy, with a service that serves OLD already."""

    url: str

    def deploy(self, version: str) -> None:
        """Brings a version to serving; returns when the command has."""

    def gone(self) -> bool:
        """Nothing of the release before is left that serves."""


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    :param answered: seconds from a command's start to the first answer of what it deployed, to 10 ms.
    :param done: seconds until, beyond that, the command had ended and the release before was drained.
    """

    sent: int
    lost: int
    doubled: int
    answered: tuple[float, ...]
    done: tuple[float, ...]
    reasons: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Outcome:
        return cls(**{**data, "answered": tuple(data["answered"]), "done": tuple(data["done"])})


def contest(way: Way, deploys: int) -> Outcome:
    """Deploys NEW, OLD, NEW and so on under load. Raises BenchError where a release never serves."""
    began, ended = [], []
    with Load(way.url, MIX) as load:
        load.wait_for_more(300)
        for number in range(deploys):
            version = (NEW, OLD)[number % 2]
            before = load.snapshot().answers(version)
            began.append(time.monotonic())
            way.deploy(version)
            load.wait_for_version(version, answers=before + 1)
            while not way.gone():
                if time.monotonic() > began[-1] + 60:
                    raise BenchError("the release before is still there after a minute")
                time.sleep(0.02)
            ended.append(time.monotonic())
            load.wait_for_more(300)
    report = load.report()
    answered = []
    for number, start in enumerate(began):
        first = report.first_answer((NEW, OLD)[number % 2], after=start)
        if first is None:
            raise BenchError(f"deploy {number + 1} was never answered by")
        answered.append(first - start)
    return Outcome(
        sent=report.sent,
        lost=len(report.lost) + len(report.missing),
        doubled=len(report.doubled),
        answered=tuple(answered),
        done=tuple(end - start for start, end in zip(began, ended, strict=True)),
        reasons=", ".join(f"{name} {count}" for name, count in sorted(report.reasons.items())),
    )
