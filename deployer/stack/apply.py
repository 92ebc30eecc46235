"""Applying: all stacks are planned first, then each change set that was planned is executed, one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from deployer.errors import PreflightError
from deployer.events import Note, Warned
from deployer.stack import execution, plan, progress, secrets
from deployer.stack.follow import running
from deployer.stack.inputs import gather
from deployer.stack.plan import Consent, StackPlan
from deployer.stack.standing import Condition
from deployer.stack.status import outputs
from deployer.stack.template import Template
from deployer.stack.work import Place, Work

Agree = Callable[[Sequence[StackPlan], Mapping[Consent, Sequence[str]]], Collection[Consent]]
"""Shown the plans and what they need, says what it agrees to."""


class Applied(Struct, frozen=True):
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
                execution.execute(work, todo)
            execution.protect(work, todo.template)
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
    """What is agreed to. :raises PreflightError: something that is needed is not, or something refuses."""
    if refusing := [line for each in made for line in each.refuses]:
        raise PreflightError(
            "something that would be removed refuses to be deleted, and would be left outside of the stack",
            details=refusing,
            remedy="take the protection off first (stack.database.protected: false, `deployer infra apply`)",
        )
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
        execution.delete_dead(work, made.template)
    else:
        inputs = gather(work.cloud, made.template, work.standing(made.template), work.outputs)
        if inputs == made.inputs and (made.action == "nothing" or made.change_set is not None):
            return made
    plan.discard(work, [made])
    newer = plan.prepare(work, made.template)
    try:
        _consent([newer], agree, agreed)
    except BaseException:
        plan.discard(work, [newer])
        raise
    return newer


def _tell_registrar(work: Work, done: StackPlan) -> None:
    """A new zone answers nobody until the registrar knows its name servers; the certificate waits for it."""
    servers = work.outputs("zone").get("NameServers") if done.template.kind == "zone" else None
    if servers and done.action != "nothing":
        work.emit(Warned(f"tell the domain's registrar these name servers, all of them: {servers}"))
