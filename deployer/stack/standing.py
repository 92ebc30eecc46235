"""A stack as it stands in CloudFormation, and what can be done with it: pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from deployer.errors import Locked, StackStuck


class Condition(enum.Enum):
    """What a stack's status means for whoever wants to change it."""

    ABSENT = "absent"
    """There is none, or nothing but a name that a change set left (REVIEW_IN_PROGRESS)."""
    READY = "ready"
    BUSY = "busy"
    """Something is at work on it."""
    DEAD = "dead"
    """Its creation failed and was undone: it has to be deleted before it can be made."""
    STUCK = "stuck"
    """Only a person gets it out of there."""


_STUCK = {
    "UPDATE_ROLLBACK_FAILED": "mend what the reason names, then `aws cloudformation continue-update-rollback "
    "--stack-name {name} --region {region}`; `--resources-to-skip` leaves out what cannot be mended",
    "UPDATE_FAILED": "`aws cloudformation rollback-stack --stack-name {name} --region {region}` brings back "
    "what was",
    "IMPORT_ROLLBACK_FAILED": "mend what the reason names, then `aws cloudformation rollback-stack "
    "--stack-name {name} --region {region}`",
    "CREATE_FAILED": "`deployer infra destroy` removes what is left of it; then apply again",
    "ROLLBACK_FAILED": "`deployer infra destroy` removes what is left of it; then apply again",
    "DELETE_FAILED": "`deployer infra destroy` deletes the rest of it; then apply again",
}
"""Statuses that nothing of ours gets a stack out of, and what does."""


class Standing(Struct, frozen=True):
    """A stack, as DescribeStacks has it.

    :ivar since: when its status last changed, as ISO 8601.
    :ivar parameters: as given; those that are not to be echoed are ****.
    :ivar protected: it refuses to be deleted.
    """

    id: str
    name: str
    region: str
    status: str
    reason: str = ""
    since: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    @property
    def condition(self) -> Condition:
        """What can be done with it."""
        if self.status in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
            return Condition.ABSENT
        if self.status.endswith("_IN_PROGRESS"):
            return Condition.BUSY
        if self.status == "ROLLBACK_COMPLETE":
            return Condition.DEAD
        return Condition.STUCK if self.status in _STUCK else Condition.READY


def read(answer: Mapping[str, Any], region: str) -> Standing:
    """A stack of DescribeStacks' answer."""
    since = answer.get("LastUpdatedTime") or answer.get("CreationTime")
    return Standing(
        id=str(answer.get("StackId", answer["StackName"])),
        name=str(answer["StackName"]),
        region=region,
        status=str(answer["StackStatus"]),
        reason=str(answer.get("StackStatusReason") or ""),
        since=since.isoformat() if since else "",
        parameters={
            each["ParameterKey"]: each.get("ParameterValue", "") for each in answer.get("Parameters", [])
        },
        outputs={each["OutputKey"]: each["OutputValue"] for each in answer.get("Outputs", [])},
        protected=bool(answer.get("EnableTerminationProtection")),
    )


def condition(found: Standing | None) -> Condition:
    """The condition of a stack that may not be there."""
    return found.condition if found else Condition.ABSENT


def refuse_busy(found: Standing) -> None:
    """:raises Locked: something is at work on the stack."""
    if found.condition is Condition.BUSY:
        raise Locked(
            f"the stack {found.name} in {found.region} is being changed ({found.status}, {found.since})",
            remedy="wait until that is done; `deployer infra apply --lock-wait 30m` does",
        )


def refuse_stuck(found: Standing) -> None:
    """:raises StackStuck: only a person gets the stack out of where it is."""
    if found.condition is Condition.STUCK:
        raise StackStuck(
            f"the stack {found.name} in {found.region} is in {found.status}",
            details=[found.reason] if found.reason else [],
            remedy=_STUCK[found.status].format(name=found.name, region=found.region),
        )
