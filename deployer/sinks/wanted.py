"""Which events an end is told, and what of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.events import BuildProgress, CommandFailed, Event, LogLine, NotifyTested, OnHost, PhaseProgress
from deployer.sinks.mask import Mask

LEVELS = ("info", "warning", "error")
NEVER = (PhaseProgress, BuildProgress)
"""Only a display that is looked at has any use for these."""


class Wanted(Struct, frozen=True):
    """A filter.

    :param level: the least that is told.
    :param kinds: patterns of kinds; empty for all.
    :param details: whether lines of logs are told too.
    :param mask: hides what the config refers to as secrets, wherever it may have got into an event.
    """

    level: str = "info"
    kinds: Sequence[str] = ()
    details: bool = False
    mask: Mask = field(default_factory=Mask)

    def has(self, event: Event) -> bool:
        """Whether the end is told of this event."""
        inner = bare(event)
        if isinstance(inner, NotifyTested):
            return True
        if isinstance(inner, NEVER) or (isinstance(inner, LogLine) and not self.details):
            return False
        if LEVELS.index(event.level) < LEVELS.index(self.level):
            return False
        return not self.kinds or any(fnmatchcase(event.kind, pattern) for pattern in self.kinds)

    def told(self, event: Event) -> Event:
        """The event as the end may see it."""
        if isinstance(event, OnHost):
            return OnHost(event.host, self.told(event.event))
        if isinstance(event, CommandFailed) and not self.details:
            return replace(event, details=())
        return event

    def record(self, event: Event) -> Mapping[str, Any]:
        """The same as JSON, without secrets."""
        found: Mapping[str, Any] = self.mask.all(self.told(event).as_dict())
        return found


def bare(event: Event) -> Event:
    """The event itself, on whatever host it was."""
    return bare(event.event) if isinstance(event, OnHost) else event
