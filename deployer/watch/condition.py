"""What one look sees: conditions that are not well, counts that only say something by their growth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self, TypedDict

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from deployer.doctor.finding import Finding, Severity

OUTSIDE = ""
"""The host of what is asked from outside."""


class Key(NamedTuple):
    """Which condition. :param area: what had to be reached: outside, host, facts, engine, service."""

    host: str
    area: str
    what: str
    subject: str = ""

    @property
    def label(self) -> str:
        """As `watch.ignore` matches it: the kind, and what of that kind."""
        return " ".join(filter(None, (self.what, self.subject)))


class Condition(Struct, frozen=True):
    """How one thing is.

    :param counted: it is about what happened since the look before, not about how things are now.
    """

    key: Key
    severity: Severity
    evidence: str
    remedy: str = ""
    counted: bool = False

    @classmethod
    def of(cls, host: str, area: str, finding: Finding) -> Condition:
        """A finding of the doctor's."""
        what = {"release": "service"}.get(finding.check, finding.check)
        key = Key(host, area, what, finding.subject)
        return cls(key, finding.severity, finding.evidence, finding.remedy)

    @property
    def bad(self) -> bool:
        """Whether a person should hear of it."""
        return self.severity >= Severity.WARNING


class Counted(TypedDict, total=False):
    """What goes into `Counts`, as it is found."""

    oom: int
    restarts: Mapping[str, tuple[str, int]]
    errors: int
    answers: int
    maintenance: bool


class Counts(Struct, frozen=True):
    """What only ever grows on a host, until something begins anew; None where it cannot be seen.

    :param oom: processes that the kernel killed for want of memory since the boot.
    :param restarts: by container's name: its id, and how often the engine restarted it.
    :param errors: 5xx answers to visitors since the edge started; :param answers: all of them.
    :param maintenance: the edge answers 503 because it was told to.
    """

    oom: int | None = None
    restarts: Mapping[str, tuple[str, int]] | None = None
    errors: int | None = None
    answers: int | None = None
    maintenance: bool | None = None

    def over(self, before: Counts | None) -> Counts:
        """These, and from `before` what could not be seen this time."""
        seen = {name: value for name, value in self.as_dict().items() if value is not None}
        return replace(before or Counts(), **seen)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """:raises (ValueError, TypeError, KeyError, AttributeError): it was none of ours."""
        numbers = {
            name: None if found.get(name) is None else int(found[name])
            for name in ("oom", "errors", "answers")
        }
        restarts = found.get("restarts")
        if restarts is not None:
            restarts = {str(name): (str(own), int(count)) for name, (own, count) in restarts.items()}
        return cls(restarts=restarts, maintenance=bool(found.get("maintenance")), **numbers)


class Sight(Struct, frozen=True):
    """What one look at everything saw.

    :param hosts: the names of all that belong to it, seen or not.
    :param conditions: all of them, well or not. What was not well before, is not among them and not in a
        blind area is well now: what it was about is gone.
    :param blind: (host, area) pairs that could not be looked at: nothing is known about them.
    :param counts: by host.
    :param serving: hosts on which the service is deployed.
    """

    hosts: frozenset[str] = frozenset()
    conditions: tuple[Condition, ...] = ()
    blind: frozenset[tuple[str, str]] = frozenset()
    counts: Mapping[str, Counts] = field(default_factory=dict)
    serving: frozenset[str] = frozenset()

    @classmethod
    def together(cls, sights: Iterable[Sight]) -> Self:
        """Several, as one."""
        each = list(sights)
        return cls(
            hosts=frozenset().union(*(sight.hosts for sight in each)),
            conditions=tuple(condition for sight in each for condition in sight.conditions),
            blind=frozenset().union(*(sight.blind for sight in each)),
            counts={host: counts for sight in each for host, counts in sight.counts.items()},
            serving=frozenset().union(*(sight.serving for sight in each)),
        )
