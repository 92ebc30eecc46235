"""From what was known and what was seen to what is told: a pure function, and the patience in it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from deployer.config.sections.watch import Watch
from deployer.doctor.finding import Severity
from deployer.events import ConditionChanged
from deployer.watch.condition import OUTSIDE, Condition, Counts, Key, Sight
from deployer.watch.growth import grown

FLAPPING = 3
"""Times that a condition turned bad within `HOUR`, from which it has to be well for `watch.quiet`."""

HOUR = 3600.0


class Record(Struct, frozen=True):
    """What is known of a condition that is not well, was not told to be well again, or comes and goes.

    :param told: the worst that was told; OK where nothing was.
    :param bad: looks in a row that saw it bad; :param well: looks in a row that saw it well.
    :param began: epoch at which it got bad; :param recovered: at which the look saw it well first.
    :param told_at: epoch of the last word about it.
    :param turns: epochs at which it was told to be bad.
    """

    told: Severity = Severity.OK
    bad: int = 0
    well: int = 0
    began: float = 0.0
    recovered: float = 0.0
    told_at: float = 0.0
    counted: bool = False
    turns: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"told": self.told.name}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """:raises (ValueError, TypeError, KeyError, OverflowError): it was none of ours."""
        times = {name: float(found[name]) for name in ("began", "recovered", "told_at")}
        for time in times.values():
            datetime.fromtimestamp(time, UTC)  # or it could not be told
        return cls(
            told=Severity[found["told"]],
            counted=bool(found["counted"]),
            turns=tuple(map(float, found["turns"])),
            bad=int(found["bad"]),
            well=int(found["well"]),
            **times,
        )


class Known(Struct, frozen=True):
    """What a look leaves to the next one.

    :param serving: hosts on which the service was deployed.
    """

    records: Mapping[Key, Record] = field(default_factory=dict)
    counts: Mapping[str, Counts] = field(default_factory=dict)
    serving: frozenset[str] = frozenset()

    @property
    def told(self) -> frozenset[Key]:
        """What was told to be bad, and not yet to be well again."""
        return frozenset(key for key, record in self.records.items() if record.told >= Severity.WARNING)


class Verdict(Struct, frozen=True):
    """What came of a look.

    :param changes: what is to be told now.
    :param conditions: all that was seen, what is counted among it, and what is ignored left out.
    """

    known: Known
    changes: tuple[ConditionChanged, ...]
    conditions: tuple[Condition, ...]

    @property
    def bad(self) -> bool:
        """Whether anything is bad now."""
        return any(condition.bad for condition in self.conditions)

    def described(self) -> list[dict[str, Any]]:
        """Each condition as data, the worst first: `{host, what, subject, state, evidence, remedy, told}`."""
        return [
            {
                "host": each.key.host,
                "what": each.key.what,
                "subject": each.key.subject,
                "state": each.severity.name.lower(),
                "evidence": each.evidence,
                "remedy": each.remedy,
                "told": each.key in self.known.told,
            }
            for each in sorted(self.conditions, key=lambda each: (-each.severity, each.key))
        ]


_Told = tuple[Record, ConditionChanged | None]


def judge(known: Known, sight: Sight, watch: Watch, now: float) -> Verdict:
    """What a look means after those before it.

    :param now: epoch of the look.
    """
    conditions = [condition for condition in _all(known, sight, watch) if not _ignored(condition.key, watch)]
    # Of two words about one thing the worse one counts: a container that is dead, and was restarted before.
    seen = {each.key: each for each in sorted(conditions, key=lambda each: each.severity)}
    records: dict[Key, Record] = {}
    changes: list[ConditionChanged] = []
    for key in dict.fromkeys((*seen, *known.records)):
        if key not in seen and (key.host == OUTSIDE or key.host not in sight.hosts):
            continue  # it is not in the config any more
        before = known.records.get(key, Record())
        if key not in seen and (key.host, key.area) in sight.blind:
            records[key] = before  # nobody knows
            continue
        if _ignored(key, watch):
            continue
        condition = seen.get(key) or Condition(key, Severity.OK, "")
        after, change = (_worse if condition.bad else _better)(before, condition, watch, now)
        if change:
            changes.append(change)
        if after.bad or after.told >= Severity.WARNING or after.turns:
            records[key] = after
    counts = {
        host: sight.counts.get(host, Counts()).over(known.counts.get(host)) for host in sorted(sight.hosts)
    }
    serving = (sight.serving | known.serving) & sight.hosts
    return Verdict(Known(records, counts, serving), tuple(changes), tuple(seen.values()))


def _all(known: Known, sight: Sight, watch: Watch) -> list[Condition]:
    found = list(sight.conditions)
    for host, counts in sight.counts.items():
        found += grown(host, known.counts.get(host), counts, watch)
    for host in sorted((known.serving - sight.serving) & sight.hosts):
        if (host, "service") not in sight.blind:
            found.append(
                Condition(
                    Key(host, "service", "service"),
                    Severity.ERROR,
                    "what served here is gone: there is neither an edge nor a release",
                    "`deployer rollout`; or `deployer watch --forget`, if it is not to be here any more",
                )
            )
    return found


def _worse(before: Record, seen: Condition, watch: Watch, now: float) -> _Told:
    """The record of what is bad, and what is told of it."""
    fresh = before.told == Severity.OK and not before.bad
    record = replace(
        before,
        bad=before.bad + 1,
        well=0,
        began=now if fresh else before.began,
        counted=seen.counted or (before.counted and not fresh),
    )
    enough = record.bad >= (1 if seen.counted else watch.looks)
    if enough and seen.severity > before.told:
        turns = (*_recent(before, now), *((now,) if before.told == Severity.OK else ()))
        record = replace(record, told=seen.severity, told_at=now, turns=turns)
        return record, _change(seen, record, now)
    if before.told >= Severity.WARNING and watch.remind and now - before.told_at >= watch.remind:
        record = replace(record, told_at=now)
        return record, replace(_change(seen, record, now), reminder=True)
    return record, None


def _better(before: Record, seen: Condition, watch: Watch, now: float) -> _Told:
    """The record of what is well, and what is told of it."""
    turns = _recent(before, now)
    record = replace(
        before, bad=0, well=before.well + 1, turns=turns, recovered=before.recovered if before.well else now
    )
    if before.told == Severity.OK:
        return record, None
    patient = before.counted or len(turns) >= FLAPPING
    if record.well < (1 if before.counted else watch.looks):
        return record, None
    if patient and now - record.recovered < watch.quiet:
        return record, None
    change = _change(seen, record, record.recovered)
    return replace(record, told=Severity.OK, told_at=now), change


def _recent(record: Record, now: float) -> tuple[float, ...]:
    return tuple(turn for turn in record.turns if now - turn < HOUR)


def _change(seen: Condition, record: Record, until: float) -> ConditionChanged:
    return ConditionChanged(
        host=seen.key.host,
        what=seen.key.what,
        subject=seen.key.subject,
        state=seen.severity.name.lower() if seen.bad else "ok",
        evidence=seen.evidence,
        remedy=seen.remedy if seen.bad else "",
        since=datetime.fromtimestamp(record.began, UTC).isoformat(timespec="seconds"),
        seconds=round(until - record.began, 1),
    )


def _ignored(key: Key, watch: Watch) -> bool:
    return any(
        fnmatch.fnmatchcase(label, pattern) for pattern in watch.ignore for label in (key.what, key.label)
    )
