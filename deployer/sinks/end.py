"""What an end of `notify` is: it is given events in batches, and says what has to be sent for them.

    sendings = end.prepare(batch)       # once, whatever becomes of them
    sendings[0].send()                  # as often as it takes; raises NotDelivered

Who calls that, in which thread, how often and how long: `deployer.sinks.courier`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from deployer.events import Event
from deployer.sinks.wanted import Wanted


class Run(Struct, frozen=True):
    """What the events of one command have in common.

    :param id: Jenkins' BUILD_TAG, or a word of our own.
    :param environment: of the config; empty for its base.
    :param who: who runs it.
    :param commit: that is deployed, as far as can be told before; empty where it cannot.
    :param link: where more can be read; empty where nowhere.
    :param story: the events are those of a command with an end; else each is news by itself.
    :param quiet: that all went well is nothing that a person wants to be told.
    """

    id: str
    command: str
    service: str
    environment: str = ""
    who: str = ""
    commit: str = ""
    link: str = ""
    story: bool = True
    quiet: bool = False

    def as_dict(self) -> dict[str, str]:
        """For JSON, under `run`."""
        names = ("id", "command", "service", "environment", "who", "commit", "link")
        return {name: getattr(self, name) for name in names}


class Happening(Struct, frozen=True):
    """An event and when it was, in seconds since 1970."""

    at: float
    event: Event


class Sending(Struct, frozen=True):
    """One thing to send.

    :param events: how many are not told if it cannot be sent.
    :param send: may be called again after it has raised NotDelivered with `again`.
    :param whole: what it says includes all that was to be sent before.
    :param way: once a sending is refused for good, those that go the same way are not tried.
    """

    events: int
    send: Callable[[], None]
    whole: bool = False
    way: str = ""


class End(Protocol):
    """Somebody who is told."""

    wanted: Wanted

    def prepare(self, batch: Sequence[Happening]) -> Sequence[Sending]:
        """What to send for these events, in their order."""
        ...
