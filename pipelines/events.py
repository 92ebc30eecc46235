"""What happens to stages, and to builds of a Jenkins, beside what the deployer's own events tell."""

from __future__ import annotations

from typing import ClassVar

from deployer.events import Event


class StageEvent(Event, frozen=True):
    """The root: stage `number` of `count`."""

    stage: str
    number: int
    count: int

    @property
    def place(self) -> str:
        """How its line begins."""
        return f"[{self.number}/{self.count}] {self.stage}"


class StageStarted(StageEvent, frozen=True):
    """A stage runs now; `reason` is why it was not skipped."""

    text: str
    reason: str

    def sentence(self) -> str:
        return f"{self.place}: {self.text}" + (f" ({self.reason})" if self.reason else "")


class StageSkipped(StageEvent, frozen=True):
    """A stage has nothing to do."""

    reason: str

    def sentence(self) -> str:
        return f"{self.place}: skipped, {self.reason}"


class StageFinished(StageEvent, frozen=True):
    """A stage ended well after `seconds`; `text` is what it came to."""

    seconds: float
    text: str

    def sentence(self) -> str:
        return f"{self.place}: {self.text or 'done'} ({self.seconds:.1f} s)"


class StageFailed(StageEvent, frozen=True):
    """A stage ended badly: `outcome` is failed, or aborted where it was told to end."""

    severity: ClassVar[str] = "error"
    seconds: float
    outcome: str

    def sentence(self) -> str:
        # The reason is the command's last word.
        return f"{self.place}: {self.outcome} ({self.seconds:.1f} s)"


# -- Jenkins -----------------------------------------------------------------


class BuildQueued(Event, frozen=True):
    """A build waits in the controller's queue; `why` in the controller's own words."""

    job: str
    why: str

    def sentence(self) -> str:
        return f"{self.job} waits: {self.why}"


class BuildRuns(Event, frozen=True):
    """A build has left the queue and runs."""

    job: str
    number: int
    url: str

    def sentence(self) -> str:
        return f"{self.job} #{self.number} runs: {self.url}"
