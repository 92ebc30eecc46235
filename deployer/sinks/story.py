"""A command as a story that has a beginning and an end: what one message tells of it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from deployer.events import (
    CommandFailed,
    CommandFinished,
    CommandStarted,
    DoctorFound,
    Event,
    HostFailed,
    HostFinished,
    OnHost,
    PhaseStarted,
    Pruned,
    Repaired,
    RolledBack,
    RunSettled,
    SiteReleased,
    Switched,
    Warned,
)

RUNNING, SUCCEEDED, FAILED, STOPPED = "running", "succeeded", "failed", "stopped"
NOTES = 8
"""What needs a look is listed up to here; a message is no log."""
KEPT = ("command", "state", "began", "release", "commit", "told")


class Story(Struct):
    """What is known by now.

    :param began: seconds since 1970.
    :param seconds: that it took; None while it goes on.
    :param bad: one of the notes is an error.
    :param told: whether its end has been told.
    """

    command: str
    began: float
    state: str = RUNNING
    seconds: float | None = None
    step: str = ""
    release: str = ""
    commit: str = ""
    reason: str = ""
    remedy: str = ""
    rolled_back_to: str | None = None
    freed: int | None = None
    details: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    more: int = 0
    bad: bool = False
    hosts: dict[str, bool] = field(default_factory=dict)
    told: bool = False

    def fold(self, event: Event, at: float) -> None:
        """Something more happened."""
        if isinstance(event, OnHost):
            self._on_host(event)
            return
        match event:
            case CommandStarted():  # perhaps once more: a stage that is tried again
                self.state, self.told, self.reason = RUNNING, False, ""
            case PhaseStarted(text=text):
                self.step = text
            case Switched(release=release, commit=commit):
                self.release, self.commit, self.rolled_back_to = release, commit or self.commit, None
            case SiteReleased(release=release):
                self.release = release
            case RolledBack(release=release, reason=reason):
                self.rolled_back_to, self.reason = release or "", self.reason or reason
            case Pruned(bytes=freed):
                self.freed = freed
            case Warned() | Repaired() | DoctorFound():
                self._note(event)
            case CommandFinished(final=final):
                self._end(SUCCEEDED if final else RUNNING, at)
            case CommandFailed():
                self._fail(event, at)
            case RunSettled() if not self.told:
                self.reason = self.reason or event.reason
                self._end(event.state, at)
            case _ if event.kind == "stage_started":  # of the pipelines, which we do not know
                self.step = event.sentence()

    def _on_host(self, event: OnHost) -> None:
        inner = event.event
        match inner:
            case Switched():
                self.fold(inner, 0.0)
            case HostFinished():
                self.hosts[event.host] = True
            case HostFailed() | RolledBack():
                self.hosts[event.host] = False
                self._note(event)
            case Warned() | Repaired() | DoctorFound():
                self._note(event)

    def _fail(self, event: CommandFailed, at: float) -> None:
        # More than a hundred is a signal: somebody wanted it to end.
        self._end(STOPPED if event.exit_status > 128 else FAILED, at)
        self.reason, self.remedy, self.details = event.reason, event.remedy or "", event.details
        self.commit = event.commit or self.commit

    def _end(self, state: str, at: float) -> None:
        self.state = state
        self.seconds = None if state == RUNNING else max(0.0, at - self.began)

    def _note(self, event: Event) -> None:
        self.bad = self.bad or event.level == "error"
        if len(self.notes) < NOTES:
            self.notes.append(event.sentence())
        else:
            self.more += 1

    # -- between the processes of one pipeline ------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """What the next process has to know of it."""
        return {name: getattr(self, name) for name in KEPT}

    @classmethod
    def going_on(cls, kept: dict[str, Any], command: str, began: float) -> Story:
        """The story that an earlier process began, if `kept` has one."""
        story = cls(command, began)
        if isinstance(kept.get("began"), int | float):
            for name in KEPT:
                setattr(story, name, kept.get(name, getattr(story, name)))
            story.command = command
        return story
