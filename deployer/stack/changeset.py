"""Change sets: made, waited for, read to their last page, deleted."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from deployer.aws.refusals import answered
from deployer.errors import CloudError, StackFailed
from deployer.stack.formation import Formation
from deployer.stack.template import Template

PREFIX = "deployer-"
"""Of the names of our change sets and of the tokens of our operations, so that we know them again."""

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
"""The two reasons with which a change set fails that would change nothing."""

_LOOKS = 300
_LONGEST_PAUSE = 3.0
_STALE = timedelta(hours=1)
"""After that, a change set of ours that nobody has executed was left by a command that was killed."""

Parameters = Sequence[Mapping[str, Any]]
"""As CreateChangeSet takes them."""


class ChangeSet(Struct, frozen=True):
    """A change set that can be executed.

    :ivar kind: CREATE or UPDATE.
    :ivar changes: resource changes as DescribeChangeSet answers them, of all pages.
    """

    id: str
    stack: str
    stack_id: str
    kind: str
    changes: tuple[Mapping[str, Any], ...]


def token() -> str:
    """A name that only we give."""
    return f"{PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def make(formation: Formation, template: Template, parameters: Parameters, kind: str) -> ChangeSet | None:
    """A change set of what the template would change; None where that is nothing.

    :raises StackFailed: CloudFormation will not have the template; the details are its reasons.
    :raises CloudError: it refuses the request.
    """
    name = token()
    try:
        made = formation.ask(
            "create_change_set",
            template.name,
            StackName=template.name,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=template.body,
            Parameters=list(parameters),
            Capabilities=list(template.capabilities),
            Tags=[{"Key": key, "Value": value} for key, value in sorted(template.tags.items())],
            Description="made by deployer infra",
            ClientToken=name,
        )
    except CloudError as error:
        if any(reason in answered(error)[1] for reason in _NO_CHANGES):
            return None
        raise
    identity = str(made["Id"])
    try:
        first = _ready(formation, template.name, identity)
        reason = str(first.get("StatusReason") or "")
        if first["Status"] == "FAILED":
            if any(known in reason for known in _NO_CHANGES):
                discard(formation, template.name, identity)
                return None
            raise _refused(formation, template, identity, reason)
        changes = _changes(formation, template.name, identity, first)
    except BaseException:
        with contextlib.suppress(CloudError):
            undo(formation, ChangeSet(identity, template.name, str(made["StackId"]), kind, ()))
        raise
    return ChangeSet(identity, template.name, str(made["StackId"]), kind, changes)


def discard(formation: Formation, stack: str, identity: str) -> None:
    """Delete a change set. It is no error that it is gone."""
    try:
        formation.ask("delete_change_set", stack, ChangeSetName=identity, StackName=stack)
    except CloudError as error:
        if answered(error)[0] != "ChangeSetNotFound":
            raise


def undo(formation: Formation, made: ChangeSet) -> None:
    """Delete a change set, and what is only there for it."""
    discard(formation, made.stack, made.id)
    if made.kind == "CREATE":
        # A change set for a stack that is not there makes one, empty; its id, since the name may be
        # somebody's by now.
        found = formation.standing(made.stack_id)
        if found is not None and found.status == "REVIEW_IN_PROGRESS":
            formation.ask("delete_stack", made.stack, StackName=found.id)


def discard_stale(formation: Formation, stack: str) -> None:
    """Delete change sets that commands of ours left which were killed."""
    words = {"StackName": stack}
    while True:
        page = formation.ask("list_change_sets", stack, **words)
        for each in page.get("Summaries", []):
            made = each.get("CreationTime")
            ours = each.get("StackName") == stack and str(each["ChangeSetName"]).startswith(PREFIX)
            if (
                ours
                and made
                and datetime.now(UTC) - made > _STALE
                and each.get("ExecutionStatus") == "AVAILABLE"
            ):
                discard(formation, stack, str(each["ChangeSetId"]))
        if not page.get("NextToken"):
            return
        words["NextToken"] = page["NextToken"]


def _ready(formation: Formation, stack: str, identity: str) -> Mapping[str, Any]:
    """Its first page, once CloudFormation has worked it out."""
    pause = 0.5
    for _ in range(_LOOKS):
        page: Mapping[str, Any] = _page(formation, stack, identity)
        if page["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return page
        formation.pace.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    raise CloudError(
        f"CloudFormation works on the change set of {stack} for a quarter of an hour already",
        remedy="try again; health.aws.amazon.com says whether something is wrong there",
    )


def _changes(
    formation: Formation, stack: str, identity: str, first: Mapping[str, Any]
) -> tuple[Mapping[str, Any], ...]:
    page, found = first, list(first.get("Changes", []))
    while page.get("NextToken"):
        page = _page(formation, stack, identity, NextToken=page["NextToken"])
        found += page.get("Changes", [])
    return tuple(each["ResourceChange"] for each in found if each.get("ResourceChange"))


def _page(formation: Formation, stack: str, identity: str, **words: str) -> Mapping[str, Any]:
    page: Mapping[str, Any] = formation.ask(
        "describe_change_set", stack, ChangeSetName=identity, IncludePropertyValues=True, **words
    )
    return page


def _refused(formation: Formation, template: Template, identity: str, reason: str) -> StackFailed:
    """Why: what was found wrong before anything was tried is told elsewhere, resource by resource."""
    details = []
    try:
        # By the change set's id alone: with the stack's name beside it, nothing is found.
        found = formation.ask(
            "describe_events", template.name, ChangeSetName=identity, Filters={"FailedEvents": True}
        )
        for event in found.get("OperationEvents", []):
            text = (
                event.get("ValidationStatusReason")
                or event.get("HookStatusReason")
                or event.get("ResourceStatusReason")
            )
            if text:
                where = event.get("LogicalResourceId") or template.name
                path = event.get("ValidationPath") or ""
                details.append(f"{where}: {text}" + (f" ({path})" if path else ""))
    except CloudError:
        pass  # not every user may ask; the reason itself is known
    return StackFailed(
        f"CloudFormation does not take the template of {template.name}: {reason or 'it says no reason'}",
        details=list(dict.fromkeys(details)),
        remedy="nothing was changed; mend what it names in the config's `stack`",
    )
