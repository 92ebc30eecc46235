"""What happens to stages, and to builds of a Jenkins, beside what the deployer's own events tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deployer.events import Event


@dataclass(frozen=True, slots=True)
class StageEvent(Event):
    """The root: stage `number` of `count`."""

    stage: str
    number: int
    count: int

    @property
    def place(self) -> str:
        """How its line begins."""
        return f"[{self.number}/{self.count}] {self.stage}"


@dataclass(frozen=True, slots=True)
class StageStarted(StageEvent):
    """A stage runs now; `reason` is why it was not skipped."""

    text: str
    reason: str

    def sentence(self) -> str:
        return f"{self.place}: {self.text}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True)
class StageSkipped(StageEvent):
    """A stage has nothing to do."""

    reason: str

    def sentence(self) -> str:
        return f"{self.place}: skipped, {self.reason}"


@dataclass(frozen=True, slots=True)
class StageFinished(StageEvent):
    """A stage ended well after `seconds`; `text` is what it came to."""

    seconds: float
    text: str

    def sentence(self) -> str:
        return f"{self.place}: {self.text or 'done'} ({self.seconds:.1f} s)"


@dataclass(frozen=True, slots=True)
class StageFailed(StageEvent):
    """A stage ended badly: `outcome` is failed, or aborted where it was told to end."""

    severity: ClassVar[str] = "error"
    seconds: float
    outcome: str

    def sentence(self) -> str:
        # The reason is the command's last word.
        return f"{self.place}: {self.outcome} ({self.seconds:.1f} s)"


# -- Jenkins -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BuildQueued(Event):
    """A build waits in the controller's queue; `why` in the controller's own words."""

    job: str
    why: str

    def sentence(self) -> str:
        return f"{self.job} waits: {self.why}"


@dataclass(frozen=True, slots=True)
class BuildRuns(Event):
    """A build has left the queue and runs."""

    job: str
    number: int
    url: str

    def sentence(self) -> str:
        return f"{self.job} #{self.number} runs: {self.url}"
