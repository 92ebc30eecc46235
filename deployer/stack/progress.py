"""A stack's events: which belong to an operation, what they say, what went wrong first. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from deployer.events import StackChanged

Event = Mapping[str, Any]
"""As DescribeStackEvents has it."""

_STACK = "AWS::CloudFormation::Stack"
_BEGINS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS")
_CANCELLED = re.compile(r"^Resource \w+ cancell?ed", re.IGNORECASE)
"""What CloudFormation says of the resources it was at when another one failed."""
_LATE = 20
"""Events that may turn up before one that is older."""


class Failure(Struct, frozen=True):
    """The resource that failed first, and its own reason."""

    resource: str
    type: str
    status: str
    reason: str
    at: str

    def sentence(self) -> str:
        """As in `Database (AWS::RDS::DBInstance): the reason`."""
        return f"{self.resource} ({self.type}): {self.reason or self.status}"

    def as_dict(self) -> dict[str, str]:
        """For `--json`."""
        return {"resource": self.resource, "type": self.type, "reason": self.reason, "at": self.at}


def is_stack(event: Event) -> bool:
    """It is about the stack itself rather than about one of its resources."""
    return event.get("ResourceType") == _STACK and event.get("PhysicalResourceId") in (
        None,
        event.get("StackId"),
    )


def is_last(event: Event) -> bool:
    """With it, an operation ends."""
    return is_stack(event) and not str(event["ResourceStatus"]).endswith("_IN_PROGRESS")


def last_operation(newest_first: Iterable[Event]) -> list[Event]:
    """The events of what was done last, the oldest first; it may still be at work."""
    found: list[Event] = []
    for event in newest_first:
        found.append(event)
        if is_stack(event) and event["ResourceStatus"] in _BEGINS:
            break
    return found[::-1]


def begun_by(operation: Sequence[Event], prefix: str) -> bool:
    """Whoever began it gave it a token that begins so."""
    return bool(operation) and str(operation[0].get("ClientRequestToken") or "").startswith(prefix)


def unseen(newest_first: Iterable[Event], seen: set[str], before: str | None = None) -> list[Event]:
    """The events that were not seen, the oldest first.

    Reading stops some events after the first that was seen: one may turn up late, behind others.

    :param before: the newest event of what was before; reading stops there in any case.
    """
    found: list[Event] = []
    known = 0
    for event in newest_first:
        if event["EventId"] == before or known >= _LATE:
            break
        if event["EventId"] in seen:
            known += 1
        else:
            found.append(event)
    return found[::-1]


def told(event: Event) -> StackChanged:
    """The event as one of ours."""
    return StackChanged(
        stack=str(event["StackName"]),
        resource=str(event.get("LogicalResourceId") or ""),
        type=str(event.get("ResourceType") or ""),
        status=str(event.get("ResourceStatus") or event.get("HookStatus") or ""),
        reason=str(event.get("ResourceStatusReason") or event.get("HookStatusReason") or ""),
        at=_time(event),
    )


def failures(oldest_first: Sequence[Event]) -> list[Failure]:
    """What failed by itself, in the order in which it did; not what was given up because of that."""
    found = [
        _failure(event)
        for event in oldest_first
        if str(event.get("ResourceStatus", "")).endswith("_FAILED")
        and not is_stack(event)
        and not _CANCELLED.match(str(event.get("ResourceStatusReason") or ""))
    ]
    if found:
        return found
    # A template or a role that is no good fails the stack itself, and no resource.
    return [
        _failure(event)
        for event in oldest_first
        if is_stack(event)
        and event.get("ResourceStatusReason")
        and ("ROLLBACK" in event["ResourceStatus"] or event["ResourceStatus"].endswith("_FAILED"))
    ]


def _failure(event: Event) -> Failure:
    return Failure(
        resource=str(event.get("LogicalResourceId") or ""),
        type=str(event.get("ResourceType") or ""),
        status=str(event["ResourceStatus"]),
        reason=str(event.get("ResourceStatusReason") or ""),
        at=_time(event),
    )


def _time(event: Event) -> str:
    at: datetime | None = event.get("Timestamp")
    return at.isoformat() if at else ""
