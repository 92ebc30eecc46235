"""One build, from the queue to its outcome, told as it goes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec import Struct

from deployer.errors import DeployerError, ExitStatus, JenkinsMissing
from deployer.events import Emit, LogLine, PhaseFailed, PhaseFinished, PhaseStarted
from pipelines.events import BuildQueued, BuildRuns
from pipelines.jenkins.client import Client
from pipelines.jenkins.console import Stages, follow

POLL = 1.0
"""Seconds between two looks at the queue, and at a build whose console has ended."""

STATUS = {
    "SUCCESS": ExitStatus.OK,
    "FAILURE": ExitStatus.BUILD_FAILURE,
    "UNSTABLE": ExitStatus.BUILD_UNSTABLE,
    "ABORTED": ExitStatus.BUILD_ABORTED,
    "NOT_BUILT": ExitStatus.BUILD_ABORTED,
    "CANCELLED": ExitStatus.BUILD_ABORTED,
}
"""What a result means to whoever started the command; CANCELLED is ours, for what never left the queue."""


class Outcome(Struct, frozen=True):
    """How a build ended; `number` and `url` are None where it never left the queue; `seconds` it took."""

    job: str
    result: str
    number: int | None = None
    url: str | None = None
    seconds: float = 0.0

    @property
    def status(self) -> ExitStatus:
        return STATUS.get(self.result, ExitStatus.BUILD_FAILURE)

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "job": self.job,
            "result": self.result,
            "build": self.number,
            "url": self.url,
            "seconds": round(self.seconds, 1),
            "exit_status": int(self.status),
        }


class Run:
    """A build that was asked for; it can be stopped wherever it is."""

    def __init__(self, client: Client, job: str, parameters: Mapping[str, str], emit: Emit) -> None:
        """Put it into the queue. :raises JenkinsError: as `Client.trigger`."""
        self.job = job
        self.number: int | None = None
        self._client, self._emit = client, emit
        self.item = client.trigger(job, parameters)

    def wait(self) -> Outcome:
        """Tell why it waits, what it prints and which stage it is in, until it has ended.

        It may be called again after an interruption; the console is then told from its beginning no more.
        """
        if self.number is None:
            self.number = self._leave_queue()
            if self.number is None:
                return Outcome(self.job, "CANCELLED")
            self._emit(BuildRuns(self.job, self.number, self._client.build(self.job, self.number)["url"]))
            self._tell(self.number)
        return self._end(self.number)

    def stop(self) -> None:
        """Take it out of the queue, or have it stopped."""
        if self.number is None:
            self._client.cancel(self.item)
            # It may have begun between our last look and now.
            self.number = self._begun()
        if self.number is not None:
            self._client.stop(self.job, self.number)

    def _leave_queue(self) -> int | None:
        told = None
        while True:
            item = self._client.queue_item(self.item)
            if item is None:
                number = self._client.find_build(self.job, self.item)
                if number is None:
                    raise JenkinsMissing(
                        f"the controller has forgotten queue item {self.item} of {self.job}",
                        remedy=f"run it again: pipelines jenkins run {self.job}",
                    )
                return number
            if item.get("cancelled"):
                return None
            if item.get("executable"):
                return int(item["executable"]["number"])
            why = item.get("why") or "it is about to begin"
            if why != told:
                self._emit(BuildQueued(self.job, why))
                told = why
            time.sleep(POLL)

    def _begun(self) -> int | None:
        item = self._client.queue_item(self.item) or {}
        return int(item["executable"]["number"]) if item.get("executable") else None

    def _tell(self, number: int) -> None:
        stages, stage, began = Stages(), None, time.monotonic()
        reason = "the build ended"
        try:
            for line in follow(self._client, self.job, number):
                if not stages.feed(line):
                    self._emit(LogLine(self.job, line))
                elif stages.current != stage:
                    if stage is not None:
                        self._emit(PhaseFinished(stage, time.monotonic() - began, stage))
                    stage, began = stages.current, time.monotonic()
                    if stage is not None:
                        self._emit(PhaseStarted(stage, stage))
        except DeployerError:
            reason = "no longer followed"
            raise
        finally:
            # The console ends within a stage where the build, the controller or we were interrupted. A live
            # display must not go on over a question that is asked now.
            if stage is not None:
                self._emit(PhaseFailed(stage, time.monotonic() - began, reason))

    def _end(self, number: int) -> Outcome:
        while True:
            build = self._client.build(self.job, number)
            if not build["building"] and build["result"]:
                return Outcome(self.job, build["result"], number, build["url"], build["duration"] / 1000)
            time.sleep(POLL)
