"""What a check found, and how bad it is."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

_NUMBER = re.compile(r"(?<!\S)[(+-]*\d+(?:\.\d+)?(?: (?:[kMGT]?B|s|min|days)\b)?(?=[,;:).%]*(?:\s|$))")
"""A number that is a word of its own, and its unit."""


class Severity(enum.IntEnum):
    """How bad; the worst one decides the exit code."""

    OK = 0
    SKIPPED = 1
    WARNING = 2
    ERROR = 3


class Fix(Struct, frozen=True):
    """What puts a finding right.

    :param run: does it, and says what it did. :param again: the same check once more, since what a fix may
        do can be less than what was found.
    """

    run: Callable[[], str]
    again: Callable[[], Findings]


class Finding(Struct, frozen=True):
    """One answer of one check.

    :param evidence: what was seen, with numbers.
    :param remedy: what a person does about it; empty where all is well.
    :param fix: does that, or a part of it; None where a person has to decide.
    :param subject: which of several things a check looked at: a path, a container's name; empty where it
        looks at one.
    """

    area: str
    check: str
    severity: Severity
    evidence: str
    remedy: str = ""
    fix: Fix | None = None
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
    """What an earlier report found: the same again is no news, whatever its numbers are by now."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        self._known = {
            (
                *(entry.get(key) for key in ("area", "check", "severity")),
                entry.get("subject") or "",
                _words(str(entry.get("evidence"))),
            )
            for entry in entries
        }

    def apply(self, finding: Finding) -> Finding:
        """The finding; skipped, with its evidence, where it is not new."""
        if finding.severity < Severity.WARNING:
            return finding
        severity, words = finding.severity.name.lower(), _words(finding.evidence)
        if (finding.area, finding.check, severity, finding.subject, words) not in self._known:
            return finding
        said = f"as before: {finding.evidence}"
        return Finding(finding.area, finding.check, Severity.SKIPPED, said, subject=finding.subject)


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
        fix: Fix | None = None,
        *,
        subject: str = "",
    ) -> Finding:
        return Finding(self.name, check, Severity.WARNING, evidence, remedy, fix, subject)

    def error(
        self,
        check: str,
        evidence: str,
        remedy: str,
        fix: Fix | None = None,
        *,
        subject: str = "",
    ) -> Finding:
        return Finding(self.name, check, Severity.ERROR, evidence, remedy, fix, subject)


Findings = Iterator[Finding]


def _words(evidence: str) -> str:
    """What is left of an evidence without its numbers and their units; names and addresses keep theirs."""
    return _NUMBER.sub("#", evidence)


def worst(findings: Sequence[Finding]) -> Severity:
    """The worst of them; OK where there are none."""
    return max((finding.severity for finding in findings), default=Severity.OK)
