"""What the load came to: requests of each kind, which of them were lost and why, who answered when."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load.wire import SERVER_ERROR


@dataclass(frozen=True)
class Lost:
    """One lost request. `at` is when it failed, in seconds since the load began."""

    id: str
    kind: str
    reason: str  # one of wire.REASONS
    at: float
    status: int | None = None
    version: str | None = None  # the release that answered; None where none did
    detail: str = ""


@dataclass(frozen=True)
class KindReport:
    """One kind of client. Latencies in milliseconds, of answers that were ok; None where there was none."""

    sent: int = 0
    ok: int = 0
    allowed: int = 0
    lost: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True)
class Span:
    """A version that answered: from `first` to `last`, in seconds since the load began."""

    version: str
    first: float
    last: float
    answers: int


@dataclass(frozen=True)
class Report:
    """All times are seconds since the load began; `began` is that moment on `time.monotonic()`'s clock."""

    url: str
    run: str
    began: float
    seconds: float
    kinds: Mapping[str, KindReport]
    lost: tuple[Lost, ...] = ()
    allowed: Mapping[int, int] = field(default_factory=dict)  # status -> answers that were allowed to have it
    allowed_without_retry_after: int = 0
    reconnects: int = 0  # connections that the server closed between requests, as it may
    acknowledged: int = 0  # orders answered with 2xx
    orders_known: bool | None = None  # recorded orders could be read back; None: there was nothing to read
    missing: tuple[str, ...] = ()  # acknowledged, yet not recorded
    doubled: tuple[str, ...] = ()  # recorded more than once
    recorded_unacknowledged: tuple[str, ...] = ()  # recorded, yet lost on the way back
    versions: tuple[Span, ...] = ()  # in the order of their first answer
    # version -> (time, answers), ...
    timeline: Mapping[str, tuple[tuple[float, int], ...]] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        return sum(kind.sent for kind in self.kinds.values())

    @property
    def ok(self) -> int:
        return sum(kind.ok for kind in self.kinds.values())

    @property
    def clean(self) -> bool:
        """No request was lost, doubled or forgotten, and where orders were sent, they could be read back."""
        return self.orders_known is not False and not (self.lost or self.missing or self.doubled)

    @property
    def reasons(self) -> dict[str, int]:
        """How many were lost for each reason."""
        return dict(Counter(lost.reason for lost in self.lost))

    @property
    def failed_by_app(self) -> tuple[Lost, ...]:
        """Lost because a release itself answered 5xx."""
        return tuple(lost for lost in self.lost if lost.reason == SERVER_ERROR and lost.version is not None)

    @property
    def lost_on_the_way(self) -> tuple[Lost, ...]:
        """Lost for any other reason: what a deployment must never cause."""
        by_app = set(self.failed_by_app)
        return tuple(lost for lost in self.lost if lost not in by_app)

    @property
    def outage(self) -> float:
        """Seconds from the first lost request to the last."""
        times = [lost.at for lost in self.lost]
        return max(times) - min(times) if times else 0.0

    def answers(self, version: str) -> int:
        return sum(span.answers for span in self.versions if span.version == version)

    def first_answer(self, version: str, *, after: float = float("-inf")) -> float | None:
        """When this version first answered after `after`, both on `time.monotonic()`'s clock; to 10 ms."""
        times = (self.began + at for at, _ in self.timeline.get(version, ()))
        return next((at for at in times if at >= after), None)

    def summary(self) -> str:
        """For people: a line on the whole, one for each kind and version, and the first of the lost."""
        rate = self.sent / self.seconds if self.seconds else 0.0
        unknown = " (orders could not be read back)" if self.orders_known is False else ""
        head = (
            f"{self.sent} requests in {self.seconds:.1f} s ({rate:.0f}/s): lost = {len(self.lost)}, "
            f"doubled = {len(self.doubled)}, missing = {len(self.missing)}{unknown}"
        )
        why = [f"{name} {number}" for name, number in sorted(self.reasons.items())]
        allowed = [f"{status} {number}" for status, number in sorted(self.allowed.items())]
        return "\n".join(
            [
                head,
                *([f"  lost by reason: {', '.join(why)}; over {self.outage:.1f} s"] if why else []),
                *([f"  allowed: {', '.join(allowed)}"] if allowed else []),
                *(_kind_line(name, kind) for name, kind in self.kinds.items()),
                *(_span_line(span) for span in self.versions),
                *(_lost_line(lost) for lost in self.lost[:10]),
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back. The totals stand in it too, for those who read it with jq."""
        totals = {
            "sent": self.sent,
            "ok": self.ok,
            "lost_count": len(self.lost),
            "doubled_count": len(self.doubled),
            "missing_count": len(self.missing),
            "clean": self.clean,
            "reasons": self.reasons,
        }
        return {**totals, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        known = {item.name: data[item.name] for item in dataclasses.fields(cls)}
        for name in ("missing", "doubled", "recorded_unacknowledged"):
            known[name] = tuple(known[name])
        known["kinds"] = {name: KindReport(**kind) for name, kind in known["kinds"].items()}
        known["lost"] = tuple(Lost(**lost) for lost in known["lost"])
        known["versions"] = tuple(Span(**span) for span in known["versions"])
        known["allowed"] = {int(status): number for status, number in known["allowed"].items()}
        known["timeline"] = {
            version: tuple((at, number) for at, number in times)
            for version, times in known["timeline"].items()
        }
        return cls(**known)


def _kind_line(name: str, kind: KindReport) -> str:
    line = f"  {name:<10} sent {kind.sent:>7}  lost {kind.lost:>5}"
    if kind.p50_ms is None:
        return line
    return f"{line}  p50 {kind.p50_ms:.1f} ms  p99 {kind.p99_ms:.1f} ms  max {kind.max_ms:.1f} ms"


def _span_line(span: Span) -> str:
    return f"  version {span.version}: {span.answers} answers, {span.first:.2f} s to {span.last:.2f} s"


def _lost_line(lost: Lost) -> str:
    seen = "" if lost.status is None else f" status {lost.status} version {lost.version}"
    return f"  {lost.at:7.2f} s {lost.kind} {lost.reason}{seen} {lost.detail} ({lost.id})"
