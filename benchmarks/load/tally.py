"""Counts while the load runs."""

from __future__ import annotations

import math
import time
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.load.report import KindReport, Lost, Report, Span
from benchmarks.load.wire import SERVER_ERROR, UNEXPECTED, Answer, Failure

TICK = 0.01  # seconds; the timeline's grain
SNAPSHOT_LOST = 100


@dataclass
class _Kind:
    sent: int = 0
    ok: int = 0
    allowed: int = 0
    lost: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` of the values do not exceed; `ordered` is not empty."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


class Tally:
    """:param allow_status: statuses that are neither ok nor lost, such as 503 in maintenance."""

    def __init__(self, url: str, run: str, allow_status: Collection[int] = ()) -> None:
        self.url, self.run = url, run
        self.began = time.monotonic()
        self.reconnects = 0
        self.acknowledged: list[str] = []
        self._allow = frozenset(allow_status)
        self._kinds: dict[str, _Kind] = {}
        self._lost: list[Lost] = []
        self._allowed: Counter[int] = Counter()
        self._without_retry_after = 0
        self._timeline: dict[str, Counter[int]] = {}

    def now(self) -> float:
        return time.monotonic() - self.began

    def sent(self, kind: str) -> None:
        self._kinds.setdefault(kind, _Kind()).sent += 1

    def answered(self, kind: str, request: str, answer: Answer, seconds: float) -> bool:
        """A whole answer: ok, allowed or, for its status, lost. True where it was ok."""
        if answer.version is not None:
            self._timeline.setdefault(answer.version, Counter())[int(self.now() / TICK)] += 1
        if 200 <= answer.status < 300:
            self._kinds[kind].ok += 1
            self._kinds[kind].seconds.append(seconds)
            return True
        if answer.status in self._allow:
            self._kinds[kind].allowed += 1
            self._allowed[answer.status] += 1
            self._without_retry_after += "retry-after" not in answer.headers
        else:
            reason = SERVER_ERROR if answer.status >= 500 else UNEXPECTED
            self.failed(kind, request, Failure(reason, "", answer.status, answer.version))
        return False

    def failed(self, kind: str, request: str, failure: Failure) -> None:
        self._kinds[kind].lost += 1
        self._lost.append(
            Lost(
                request,
                kind,
                failure.reason,
                round(self.now(), 3),
                failure.status,
                failure.version,
                failure.detail,
            )
        )

    def snapshot(self) -> Report:
        """What is known so far, without what takes long to work out or to hand over.

        It lacks latencies, timeline and orders, and all but the first of the lost requests; the kinds count
        them all.
        """
        report = self._report({name: self._kind(kind) for name, kind in self._kinds.items()})
        return replace(report, lost=report.lost[:SNAPSHOT_LOST])

    def report(self, orders: Iterable[str] | None, *, asked: bool = True) -> Report:
        """The end.

        :param orders: the orders of this run that the service recorded, as often as it did; None where it
            could not tell, or was not asked.
        :param asked: it was asked.
        """
        kinds = {name: self._kind(kind, times=True) for name, kind in self._kinds.items()}
        timeline = {
            version: tuple((round(tick * TICK, 3), number) for tick, number in sorted(ticks.items()))
            for version, ticks in self._timeline.items()
        }
        if orders is None:
            return self._report(kinds, timeline=timeline, orders_known=False if asked else None)
        recorded, acknowledged = Counter(orders), set(self.acknowledged)
        return self._report(
            kinds,
            timeline=timeline,
            orders_known=True,
            missing=tuple(order for order in self.acknowledged if order not in recorded),
            doubled=tuple(order for order, times in recorded.items() if times > 1),
            recorded_unacknowledged=tuple(order for order in recorded if order not in acknowledged),
        )

    def _report(
        self,
        kinds: dict[str, KindReport],
        *,
        timeline: dict[str, tuple[tuple[float, int], ...]] | None = None,
        orders_known: bool | None = None,
        missing: tuple[str, ...] = (),
        doubled: tuple[str, ...] = (),
        recorded_unacknowledged: tuple[str, ...] = (),
    ) -> Report:
        spans = [
            Span(version, round(min(ticks) * TICK, 3), round(max(ticks) * TICK, 3), ticks.total())
            for version, ticks in self._timeline.items()
        ]
        return Report(
            url=self.url,
            run=self.run,
            began=self.began,
            seconds=round(self.now(), 3),
            kinds=kinds,
            lost=tuple(self._lost),
            allowed=dict(self._allowed),
            allowed_without_retry_after=self._without_retry_after,
            reconnects=self.reconnects,
            acknowledged=len(self.acknowledged),
            orders_known=orders_known,
            missing=missing,
            doubled=doubled,
            recorded_unacknowledged=recorded_unacknowledged,
            versions=tuple(sorted(spans, key=lambda span: span.first)),
            timeline=timeline or {},
        )

    def _kind(self, kind: _Kind, *, times: bool = False) -> KindReport:
        counts = KindReport(sent=kind.sent, ok=kind.ok, allowed=kind.allowed, lost=kind.lost)
        if not (times and kind.seconds):
            return counts
        ordered = sorted(kind.seconds)
        p50, p99, longest = (round(percentile(ordered, share) * 1000, 3) for share in (0.5, 0.99, 1.0))
        return KindReport(counts.sent, counts.ok, counts.allowed, counts.lost, p50, p99, longest)
