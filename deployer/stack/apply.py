"""Applying: all stacks are planned first, then each change set that was planned is executed, one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.aws.refusals import answered
from deployer.errors import CloudError, PreflightError, StackFailed
from deployer.events import Note, PhaseFailed, PhaseFinished, PhaseStarted, Warned
from deployer.stack import changeset, plan, progress, secrets
from deployer.stack.follow import Following, newest, running
from deployer.stack.inputs import gather
from deployer.stack.plan import Consent, StackPlan
from deployer.stack.remedy import remedy
from deployer.stack.standing import Condition, Standing
from deployer.stack.status import outputs
from deployer.stack.template import Template
from deployer.stack.work import Place, Work

Agree = Callable[[Sequence[StackPlan], Mapping[Consent, Sequence[str]]], Collection[Consent]]
"""Shown the plans and what they need, says what it agrees to."""

PROTECTED = ("zone", "main")
"""Kinds of stacks that refuse to be deleted: name servers that a registrar knows, data."""

_OPERATIONS = {"create": "creating", "recreate": "creating anew", "update": "updating"}


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it.

    :ivar outcomes: by stack's name: create, recreate, update or nothing.
    :ivar outputs: of all the stacks.
    """

    outcomes: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "stacks": dict(self.outcomes),
            "outputs": dict(self.outputs),
            "duration_s": round(self.seconds, 1),
        }


def apply(work: Work, agree: Agree) -> Applied:
    """Bring every stack to what the config says. Running it again does nothing more.

    :param agree: asked once, with all plans, and again only where one became another meanwhile.
    :raises PreflightError: somebody would have to agree to something, and did not; nothing was changed.
    :raises Locked: somebody else is at work on a stack.
    :raises StackFailed: a stack could not be changed; the first resource's own reason comes first.
    """
    began = time.monotonic()
    for template in work.templates:
        settle(work, template)
    made = plan.plans(work)
    waiting = list(made)
    try:
        agreed = _consent(made, agree, ())
        secrets.make_missing(work)
        outcomes = {}
        while waiting:
            todo = _current(work, waiting[0], agree, agreed)
            waiting.pop(0)  # from here on its change set is CloudFormation's
            if todo.action != "nothing":
                _execute(work, todo)
            _protect(work, todo.template)
            _tell_registrar(work, todo)
            outcomes[todo.template.name] = todo.action
    finally:
        plan.discard(work, waiting)
    for place, _ in work.leftovers():
        work.emit(
            Warned(f"the config makes no {place.kind} stack any more: `deployer infra destroy {place.kind}`")
        )
    return Applied(outcomes, outputs(work), time.monotonic() - began)


def settle(work: Work, of: Template | Place) -> None:
    """Wait for what is at work: a command of ours that was killed; somebody else, as long as we may."""
    found = work.standing(of)
    if found is None or found.condition is not Condition.BUSY:
        return
    following, ours = running(work.formation(of), found, work.emit)
    if not ours and not work.lock_wait:
        return  # whoever wants to change it is refused
    work.emit(Note(f"{found.name} is being changed already ({found.status}); following it to its end"))
    following.end(None if ours else work.lock_wait)
    failed = progress.failures(following.events)
    if failed:
        work.emit(Warned(f"that failed: {failed[0].sentence()}"))


def _consent(made: Sequence[StackPlan], agree: Agree, agreed: Collection[Consent]) -> Collection[Consent]:
    """What is agreed to. :raises PreflightError: something that is needed is not."""
    needed = plan.consents(made)
    given = {*agreed, *agree(made, {key: needed[key] for key in needed if key not in agreed})}
    lacking = [consent for consent in needed if consent not in given]
    if lacking:
        words = " ".join(f"--accept {consent.value}" for consent in lacking)
        raise PreflightError(
            "this would "
            + " and ".join(_WHAT[consent] for consent in lacking)
            + ", and nobody has agreed to it",
            details=[reason for consent in lacking for reason in needed[consent]],
            remedy=f"look at `deployer infra plan`; `deployer infra apply {words}` does it",
        )
    return given


_WHAT = {Consent.REPLACEMENT: "replace or remove things", Consent.DATA_LOSS: "lose data"}


def _current(work: Work, made: StackPlan, agree: Agree, agreed: Collection[Consent]) -> StackPlan:
    """The plan, or a newer one where applying the stacks before has changed what this one is given."""
    if made.action == "recreate":
        _delete_dead(work, made.template)
    else:
        inputs = gather(work.cloud, made.template, work.standing(made.template), work.outputs)
        if made.action == "nothing" and inputs == made.inputs:
            return made
        if made.change_set is not None and inputs == made.inputs:
            return made
    plan.discard(work, [made])
    newer = plan.prepare(work, made.template)
    try:
        _consent([newer], agree, agreed)
    except BaseException:
        plan.discard(work, [newer])
        raise
    return newer


def _execute(work: Work, todo: StackPlan) -> None:
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


def _delete_dead(work: Work, template: Template) -> None:
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


def _protect(work: Work, template: Template) -> None:
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


def _tell_registrar(work: Work, done: StackPlan) -> None:
    """A new zone answers nobody until the registrar knows its name servers; the certificate waits for it."""
    servers = work.outputs("zone").get("NameServers") if done.template.kind == "zone" else None
    if servers and done.action != "nothing":
        work.emit(Warned(f"tell the domain's registrar these name servers, all of them: {servers}"))
