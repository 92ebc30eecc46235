"""Executing a change set, and what goes with it: the end of what failed before, protection, the error."""

from __future__ import annotations

import time

from deployer.aws.refusals import answered
from deployer.errors import CloudError, StackFailed
from deployer.events import PhaseFailed, PhaseFinished, PhaseStarted, Warned
from deployer.stack import changeset, plan, progress
from deployer.stack.follow import Following, newest
from deployer.stack.plan import StackPlan
from deployer.stack.remedy import remedy
from deployer.stack.standing import Condition, Standing
from deployer.stack.template import Template
from deployer.stack.work import Work

PROTECTED = ("zone", "main")
"""Kinds of stacks that refuse to be deleted: name servers that a registrar knows, data."""

_OPERATIONS = {"create": "creating", "recreate": "creating anew", "update": "updating"}


def execute(work: Work, todo: StackPlan) -> None:
    """Execute the change set of a plan, and follow it to its end.

    :raises StackFailed: it did not end well, or the stack was changed since it was planned.
    """
    change_set = todo.change_set
    if change_set is None:
        missing = ", ".join(f"{name} ({source})" for name, source in todo.inputs.missing.items())
        raise StackFailed(f"the stack {todo.template.name} cannot be planned: {missing} is not there")
    formation, name = work.formation(todo.template), todo.template.name
    operation = _OPERATIONS["create" if change_set.kind == "CREATE" else todo.action]
    following = Following(
        formation,
        change_set.stack_id,
        work.emit,
        todo.template.document(),
        newest(formation, change_set.stack_id),
    )
    began = time.monotonic()
    work.emit(PhaseStarted(f"stack_{todo.template.kind}", f"{operation} {name}"))
    try:
        formation.ask(
            "execute_change_set",
            name,
            ChangeSetName=change_set.id,
            StackName=name,
            ClientRequestToken=changeset.token(),
            # What was made by an operation that failed goes again, also what is kept otherwise: it is empty,
            # and its name would be taken when the operation is tried again.
            RetainExceptOnCreate=True,
        )
    except CloudError as error:
        plan.discard(work, [todo])
        if answered(error)[0] not in ("InvalidChangeSetStatus", "ChangeSetNotFound"):
            raise
        raise StackFailed(
            f"{name} was changed by somebody else after it was planned",
            details=[error.message],
            remedy="apply again: it plans anew",
        ) from error
    found = following.end()
    seconds = time.monotonic() - began
    if found is None or found.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        failure = failed(following, found, name)
        work.emit(PhaseFailed(f"stack_{todo.template.kind}", seconds, failure.message))
        raise failure
    for left in progress.failures(following.events):
        # At the end CloudFormation deletes what is not wanted any more, and calls it done in any case.
        if left.status == "DELETE_FAILED":
            work.emit(Warned(f"{left.sentence()}; it is outside of the stack now, and goes on costing"))
    work.emit(PhaseFinished(f"stack_{todo.template.kind}", seconds, f"{operation} {name}"))


def failed(following: Following, found: Standing | None, name: str) -> StackFailed:
    """The error for an operation that did not end well: the first resource's own reason, then the others."""
    reasons = progress.failures(following.events)
    status = found.status if found else "gone"
    after = {
        "ROLLBACK_COMPLETE": "nothing of it is left; apply again once it is mended",
        "UPDATE_ROLLBACK_COMPLETE": "the stack is as it was before",
    }.get(status)
    first = reasons[0].sentence() if reasons else (found.reason if found else "") or "no reason is told"
    advice = remedy(first)
    return StackFailed(
        f"{name}: {first}",
        details=[
            *(each.sentence() for each in reasons[1:]),
            f"the stack is in {status}" + (f": {after}" if after else ""),
        ],
        remedy=advice
        or ("mend what the reason names, and apply again" if after else "`deployer infra status`"),
    )


def delete_dead(work: Work, template: Template) -> None:
    """Remove what a creation left that failed: an empty stack, which nothing can be made of."""
    found = work.standing(template)
    if found is None or found.condition is not Condition.DEAD:
        return
    formation = work.formation(template)
    following = Following(formation, found.id, work.emit, before=newest(formation, found.id))
    if found.protected:
        formation.ask(
            "update_termination_protection", found.name, StackName=found.id, EnableTerminationProtection=False
        )
    formation.ask("delete_stack", found.name, StackName=found.id, ClientRequestToken=changeset.token())
    after = following.end()
    if after is not None and after.status != "DELETE_COMPLETE":
        raise failed(following, after, found.name)


def protect(work: Work, template: Template) -> None:
    """Have the stack refuse to be deleted by mistake, where it holds what cannot be made again."""
    if template.kind not in PROTECTED:
        return
    found = work.standing(template)
    if found is None or found.protected:
        return
    try:
        work.formation(template).ask(
            "update_termination_protection",
            found.name,
            StackName=found.name,
            EnableTerminationProtection=True,
        )
    except CloudError as error:
        work.emit(Warned(f"{error.message}: the stack can be deleted by mistake"))
