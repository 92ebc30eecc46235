"""What a check found, and how bad it is."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct


class Severity(enum.IntEnum):
    """How bad; the worst one decides the exit code."""

    OK = 0
    SKIPPED = 1
    WARNING = 2
    ERROR = 3


class Finding(Struct, frozen=True):
    """One answer of one check.

    :param evidence: what was seen, with numbers.
    :param remedy: what a person does about it; empty where all is well.
    :param fix: does that; None where a person has to decide.
    :param subject: which of several things a check looked at: a path, a container's name; empty where it
        looks at one.
    """

    area: str
    check: str
    severity: Severity
    evidence: str
    remedy: str = ""
    fix: Callable[[], str] | None = None
    subject: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "area": self.area,
            "check": self.check,
            "subject": self.subject or None,
            "severity": self.severity.name.lower(),
            "evidence": self.evidence,
            "remedy": self.remedy or None,
            "fixable": self.fix is not None,
        }


class Baseline:
    """What an earlier report found: the same again is no news."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        self._known = {(entry.get("area"), entry.get("check"), entry.get("evidence")) for entry in entries}

    def apply(self, finding: Finding) -> Finding:
        """The finding; skipped, with its evidence, where it is not new."""
        if finding.severity < Severity.WARNING:
            return finding
        if (finding.area, finding.check, finding.evidence) not in self._known:
            return finding
        return Finding(finding.area, finding.check, Severity.SKIPPED, f"as before: {finding.evidence}")


class Area(Struct, frozen=True):
    """Findings of one area, said briefly: `area.error("disk", "1 GB free", "make room")`."""

    name: str

    def ok(self, check: str, evidence: str, *, subject: str = "") -> Finding:
        return Finding(self.name, check, Severity.OK, evidence, subject=subject)

    def skipped(self, check: str, why: str) -> Finding:
        """It could not be looked at, which is no fault."""
        return Finding(self.name, check, Severity.SKIPPED, why)

    def warning(
        self,
        check: str,
        evidence: str,
        remedy: str,
        fix: Callable[[], str] | None = None,
        *,
        subject: str = "",
    ) -> Finding:
        return Finding(self.name, check, Severity.WARNING, evidence, remedy, fix, subject)

    def error(
        self,
        check: str,
        evidence: str,
        remedy: str,
        fix: Callable[[], str] | None = None,
        *,
        subject: str = "",
    ) -> Finding:
        return Finding(self.name, check, Severity.ERROR, evidence, remedy, fix, subject)


Findings = Iterator[Finding]


def worst(findings: Sequence[Finding]) -> Severity:
    """The worst of them; OK where there are none."""
    return max((finding.severity for finding in findings), default=Severity.OK)
