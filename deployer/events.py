"""What happened, as small values. Whoever does the work emits them; sinks decide who is told.

    emit: Emit = sink.emit
    emit(PhaseStarted("gate", "waiting until the candidate is ready"))

Every event knows its `kind` (for JSON lines) and its `sentence` (for people). None ever holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from msgspec import Struct, to_builtins


class Event(Struct, frozen=True):
    """The root; `severity` is what its kind is by itself: info, warning or error."""

    severity: ClassVar[str] = "info"

    @property
    def level(self) -> str:
        """How bad this one is: info, warning or error."""
        return self.severity

    @property
    def kind(self) -> str:
        """The class name in snake case: `PhaseStarted` is `phase_started`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def sentence(self) -> str:
        """One line for a person; empty for events that only a live display shows."""
        return ""

    def as_dict(self) -> dict[str, object]:
        """For JSON lines: `event`, `level` and the fields."""
        return {"event": self.kind, "level": self.level, **to_builtins(self)}


Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The sink of those who are not listening."""


class Note(Event, frozen=True):
    """Something worth a line."""

    text: str

    def sentence(self) -> str:
        return self.text


class Warned(Event, frozen=True):
    """Something that a person should look at, though the work goes on."""

    severity: ClassVar[str] = "warning"
    text: str

    def sentence(self) -> str:
        return f"warning: {self.text}"


# -- a command as a whole: for those who are not there to see it ------------


class CommandStarted(Event, frozen=True):
    """A command that changes something began; who runs it, and on what, goes with every event."""

    command: str

    def sentence(self) -> str:
        return f"{self.command} begins"


class CommandFinished(Event, frozen=True):
    """A command came to its end after `seconds`; 31 and 32 of `doctor` are no failures of its own."""

    command: str
    seconds: float
    exit_status: int = 0
    final: bool = True
    """False for a stage of a pipeline that others follow."""

    def sentence(self) -> str:
        return f"{self.command} is done ({self.seconds:.1f} s)"


class CommandFailed(Event, frozen=True):
    """A command was given up after `seconds`.

    :param error: the class of `deployer.errors`.
    :param release: the one that was to serve, where there was one already.
    :param details: lines that prove it; they may hold what a container printed.
    """

    severity: ClassVar[str] = "error"
    command: str
    seconds: float
    exit_status: int
    error: str
    reason: str
    remedy: str | None = None
    release: str | None = None
    commit: str | None = None
    details: tuple[str, ...] = ()

    def sentence(self) -> str:
        return f"{self.command} failed: {self.reason}"


class RunSettled(Event, frozen=True):
    """A pipeline's processes are over, one way or another: `state` is succeeded, failed or stopped."""

    command: str
    state: str
    reason: str = ""

    @property
    def level(self) -> str:
        return "info" if self.state == "succeeded" else "error"

    def sentence(self) -> str:
        return f"{self.command}: {self.state}" + (f", {self.reason}" if self.reason else "")


class DoctorFound(Event, frozen=True):
    """`deployer doctor` saw something: `severity_found` is warning or error."""

    area: str
    check: str
    severity_found: str
    evidence: str
    remedy: str = ""

    @property
    def level(self) -> str:
        return self.severity_found

    def sentence(self) -> str:
        return f"{self.area} {self.check}: {self.evidence}"


class NotifyTested(Event, frozen=True):
    """`deployer notify test`: every end is told, whatever else it wants to hear."""

    text: str = "This is a test: messages of the deployer arrive here."

    def sentence(self) -> str:
        return self.text


class Lost(Struct, frozen=True):
    """An end of `notify` that was not told all: how many events, and why."""

    name: str
    kind: str
    events: int
    reason: str


class Undelivered(Event, frozen=True):
    """What could not be told, of all ends; the work itself did not suffer."""

    severity: ClassVar[str] = "warning"
    ends: tuple[Lost, ...]

    def sentence(self) -> str:
        told = "; ".join(f"{end.name} ({end.kind}), {end.events} event(s): {end.reason}" for end in self.ends)
        return f"warning: not told: {told}"


# -- phases of a command --------------------------------------------------


class PhaseStarted(Event, frozen=True):
    """A step of a rollout, a rollback, an upgrade began. `name` is stable, `text` is for people."""

    name: str
    text: str

    def sentence(self) -> str:
        return self.text


class PhaseProgress(Event, frozen=True):
    """How far the running step is; shown by the live display only."""

    name: str
    text: str


class PhaseFinished(Event, frozen=True):
    """A step ended well after `seconds`."""

    name: str
    seconds: float
    text: str = ""

    def sentence(self) -> str:
        return f"{self.text} ({self.seconds:.1f} s)" if self.text else ""


class PhaseFailed(Event, frozen=True):
    """A step failed; what follows is the way back."""

    severity: ClassVar[str] = "error"
    name: str
    seconds: float
    reason: str

    def sentence(self) -> str:
        return f"{self.name} failed: {self.reason}"


class LogLine(Event, frozen=True):
    """One line that a container of ours printed: a hook's output, a failed candidate's tail."""

    source: str
    line: str

    def sentence(self) -> str:
        return f"  {self.source} | {self.line}"


# -- releases -------------------------------------------------------------


class Repaired(Event, frozen=True):
    """Reconciliation mended something that an interrupted command or a restart left."""

    severity: ClassVar[str] = "warning"
    text: str

    def sentence(self) -> str:
        return f"repaired: {self.text}"


class Switched(Event, frozen=True):
    """The edge sends new requests to `release` from now on, built from `commit`, if that is known."""

    release: str
    slot: str
    commit: str | None = None

    def sentence(self) -> str:
        return f"{self.release} serves now, from slot {self.slot}"


class RolledBack(Event, frozen=True):
    """The new release was bad; `release` serves again (or still)."""

    severity: ClassVar[str] = "error"
    release: str | None
    reason: str

    def sentence(self) -> str:
        return f"rolled back to {self.release or 'nothing'}: {self.reason}"


class LockAwaited(Event, frozen=True):
    """Somebody else is deploying, and we wait."""

    holder: str
    seconds: float

    def sentence(self) -> str:
        return f"waiting up to {self.seconds:.0f} s for the lock that {self.holder} holds"


# -- many hosts -----------------------------------------------------------


class OnHost(Event, frozen=True):
    """Something that happened on one of several hosts."""

    host: str
    event: Event

    @property
    def level(self) -> str:
        return self.event.level

    @property
    def kind(self) -> str:
        return self.event.kind

    def sentence(self) -> str:
        sentence = self.event.sentence()
        return f"{self.host}: {sentence}" if sentence else ""

    def as_dict(self) -> dict[str, object]:
        return {"host": self.host, **self.event.as_dict()}


class BatchStarted(Event, frozen=True):
    """Some of the hosts begin to change, at the same time."""

    number: int
    of: int
    hosts: tuple[str, ...]

    def sentence(self) -> str:
        return f"batch {self.number} of {self.of}: {', '.join(self.hosts)}"


class HostFinished(Event, frozen=True):
    """A host is done: `outcome` in a word or two, `seconds` since it began."""

    outcome: str
    seconds: float

    def sentence(self) -> str:
        return f"{self.outcome} ({self.seconds:.1f} s)"


class HostFailed(Event, frozen=True):
    """A host was given up; `reason` says why."""

    severity: ClassVar[str] = "error"
    reason: str
    seconds: float

    def sentence(self) -> str:
        return f"failed: {self.reason}"


class ImageShipped(Event, frozen=True):
    """An image went to a host: `sent` bytes for `layers` layers that it lacked, of `of`."""

    image: str
    layers: int
    of: int
    sent: int

    def sentence(self) -> str:
        return f"sent {self.image}: {self.layers} of {self.of} layers, {self.sent / 1e6:.1f} MB"


# -- watching -------------------------------------------------------------


class ConditionChanged(Event, frozen=True):
    """Something that is watched got bad, worse, or well again.

    :param host: its name in the config, else that of this machine; empty for an address asked from outside.
    :param what: host, engine, service, maintenance, certificate, memory, swap, disk, inodes, oom, restarts,
        errors or url. :param subject: which of several: a path, a container, an address.
    :param state: ok, warning or error. :param evidence: what was seen, with numbers.
    :param remedy: what a person does about it.
    :param since: RFC 3339 time at which it got bad.
    :param seconds: how long it has been, or was, bad.
    :param reminder: it was told before, and is still so.
    """

    host: str
    what: str
    subject: str
    state: str
    evidence: str
    remedy: str
    since: str
    seconds: float
    reminder: bool = False

    @property
    def level(self) -> str:
        return "info" if self.state == "ok" else self.state

    def sentence(self) -> str:
        before = f"{self.host}: " if self.host else ""
        if self.state == "ok":
            named = " ".join(filter(None, (self.what, self.subject)))
            now = f": {self.evidence}" if self.evidence else ""
            return f"{before}{named} is well again after {_span(self.seconds)}{now}"
        still = f" (for {_span(self.seconds)} now)" if self.reminder else ""
        return f"{before}{self.what}: {self.evidence}{still}" + (f" -> {self.remedy}" if self.remedy else "")


def _span(seconds: float) -> str:
    """A time in one unit, as people say it."""
    for unit, size, enough in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < enough:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


# -- images ---------------------------------------------------------------


class BuildStarted(Event, frozen=True):
    """An image is being built; `context_bytes` is what will be sent, None where unknown."""

    image: str
    context_bytes: int | None = None

    def sentence(self) -> str:
        return f"building {self.image}"


class BuildProgress(Event, frozen=True):
    """One line of a build's or a pull's output."""

    text: str

    def sentence(self) -> str:
        return f"  {self.text}"


class BuildFinished(Event, frozen=True):
    """An image is there; `reused` when nothing had to be built; `size` in bytes."""

    image: str
    seconds: float
    reused: bool
    size: int

    def sentence(self) -> str:
        if self.reused:
            return f"{self.image} is unchanged and already built"
        return f"built {self.image}, {self.size / 1e6:.0f} MB ({self.seconds:.1f} s)"


class ImagePruned(Event, frozen=True):
    """An image of ours that nothing needs any more was removed."""

    image: str
    bytes: int
    reason: str

    def sentence(self) -> str:
        return f"pruned {self.image} ({self.reason})"


class Pruned(Event, frozen=True):
    """The end of a prune; `bytes` were freed on the engine's disk."""

    images: int
    bytes: int

    def sentence(self) -> str:
        return f"pruned {self.images} image(s), {self.bytes / 1e6:.1f} MB freed"


# -- the site -------------------------------------------------------------


class SiteReleased(Event, frozen=True):
    """Visitors get `release` of the site from now on."""

    release: str
    previous: str | None

    def sentence(self) -> str:
        return f"{self.release} is the site now"


class Invalidated(Event, frozen=True):
    """The distribution was asked to forget `paths` paths; `cost` in US dollars."""

    request: str
    paths: int
    cost: float

    def sentence(self) -> str:
        cost = f", about {self.cost:.2f} USD" if self.cost else ""
        return f"the distribution forgets {self.paths} path(s), request {self.request}{cost}"


# -- the AWS account's part -----------------------------------------------


class StackChanged(Event, frozen=True):
    """CloudFormation tells of a resource, or of the stack itself; `at` is ISO 8601, `reason` often empty."""

    stack: str
    resource: str
    type: str
    status: str
    reason: str = ""
    at: str = ""

    @property
    def level(self) -> str:
        if self.status.endswith("_FAILED"):
            # What was given up because something else failed is no news of its own.
            return "info" if " cancelled" in self.reason else "error"
        return "warning" if "ROLLBACK" in self.status and not self.status.endswith("_COMPLETE") else "info"

    def sentence(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"  {self.stack} | {self.status:<18} {self.resource} ({self.type}){reason}"
