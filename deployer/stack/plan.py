"""What applying would change: a change set for each stack, read as a person wants to know it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct, field

from deployer.errors import CloudError
from deployer.events import Warned
from deployer.stack import change, changeset, interruption
from deployer.stack.change import Change
from deployer.stack.changeset import ChangeSet
from deployer.stack.cost import Difference, difference
from deployer.stack.formation import Document, Formation
from deployer.stack.inputs import Inputs, gather
from deployer.stack.standing import Condition, condition, refuse_busy, refuse_stuck
from deployer.stack.template import Template
from deployer.stack.work import Work

_MARKS = {"add": "+", "modify": "~", "remove": "-", "import": ">", "dynamic": "?"}


class Consent(enum.Enum):
    """What nobody does to a system by mistake."""

    REPLACEMENT = "replacement"
    """Something is made anew, or something that others depend on goes."""
    DATA_LOSS = "data-loss"
    """Data is lost, or left where the new one does not see it."""


class StackPlan(Struct, frozen=True):
    """What would become of one stack.

    :ivar action: create, recreate (it is deleted first), update or nothing.
    :ivar changes: what is lost or replaced comes first.
    :ivar change_set: what CloudFormation would do, ready to be executed; None where there is none: nothing
        changes, or something that it needs is made by applying another stack before.
    :ivar present: the template as it was deployed; None where there is none.
    """

    template: Template
    action: str
    changes: tuple[Change, ...] = ()
    change_set: ChangeSet | None = None
    inputs: Inputs = field(default_factory=Inputs)
    notes: tuple[str, ...] = ()
    present: Document | None = None

    @property
    def refuses(self) -> tuple[str, ...]:
        """What would be removed and does not let itself be deleted, a line each."""
        resources = (self.present or {}).get("Resources", {})
        return tuple(
            f"{self.template.name}: {each.resource} ({each.physical}) has deletion protection"
            for each in self.changes
            if each.action == "remove" and change.protected(resources.get(each.resource, {}))
        )

    def consents(self) -> dict[Consent, list[str]]:
        """What a person has to agree to, each with its reasons."""
        found: dict[Consent, list[str]] = {}
        for each in self.changes:
            where = f"{self.template.name}: {each.resource}"
            if each.loss:
                found.setdefault(Consent.DATA_LOSS, []).append(f"{where} {_fate(each)}: {each.loss}")
            elif each.replaces or (each.action == "remove" and _depended_on(each)):
                found.setdefault(Consent.REPLACEMENT, []).append(f"{where} {_fate(each)}")
        return found

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.template.kind,
            "stack": self.template.name,
            "region": self.template.region,
            "action": self.action,
            "from": "change set" if self.change_set or self.action == "nothing" else "template",
            "changes": [each.as_dict() for each in self.changes],
            "consents": {consent.value: reasons for consent, reasons in self.consents().items()},
            "refuses": list(self.refuses),
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """For people."""
        head = f"{self.template.name} in {self.template.region}: "
        if self.action == "nothing":
            return [f"{head}no changes", *(f"    note: {note}" for note in self.notes)]
        lines = [f"{head}{self.action}, {_counted(self.changes)}"]
        for each in self.changes:
            mark = "-/+" if each.replaces else f"  {_MARKS.get(each.action, '?')}"
            lines.append(f"  {mark} {each.resource:<28} {each.type}")
            lines += [f"        {line}" for line in _about(each)]
        lines += [f"    refuses: {line}" for line in self.refuses]
        return lines + [f"    note: {note}" for note in self.notes]


def prepare(work: Work, template: Template) -> StackPlan:
    """What applying the template would do now. A change set that it makes is the caller's to delete.

    :raises Locked: something is at work on the stack.
    :raises StackStuck: only a person gets the stack out of where it is.
    :raises StackFailed: CloudFormation does not take the template.
    """
    formation = work.formation(template)
    found = work.standing(template)
    if found is not None:
        refuse_busy(found)
        refuse_stuck(found)
    document = template.document()
    made = change.added(document.get("Resources", {}))
    state = condition(found)
    if state is Condition.DEAD and found is not None:
        note = f"its creation failed ({found.since}); what that left is deleted first"
        return StackPlan(template, "recreate", made, notes=(note,))
    inputs = gather(work.cloud, template, found, work.outputs)
    notes = tuple(
        f"{name} comes from {source}, when that is applied" for name, source in inputs.missing.items()
    )
    if state is Condition.ABSENT:
        if inputs.missing:
            return StackPlan(template, "create", made, None, inputs, notes)
        return _by_change_set(formation, template, inputs, "CREATE", None)
    changeset.discard_stale(formation, template.name)
    present = formation.template(template.name)
    if inputs.missing:
        notes += ("what is replaced is known when that is there: `apply` plans anew then, and asks again",)
        return StackPlan(template, "update", _compared(present, document), None, inputs, notes, present)
    return _by_change_set(formation, template, inputs, "UPDATE", present)


def _by_change_set(
    formation: Formation, template: Template, inputs: Inputs, kind: str, present: Document | None
) -> StackPlan:
    made = changeset.make(formation, template, inputs.listed(), kind)
    if made is None:
        return StackPlan(template, "nothing", inputs=inputs, present=present)
    resources = (present or {}).get("Resources", {})
    changes = change.settled([change.read(each, resources) for each in made.changes])
    return StackPlan(template, kind.lower(), changes, made, inputs, present=present)


def discard(work: Work, plans: Iterable[StackPlan]) -> None:
    """Delete the change sets of plans that are not applied, and what is only there for them.

    What cannot be deleted is told and no error: it must not hide why we came here; the next plan tries again.
    """
    for plan in plans:
        if plan.change_set is None:
            continue
        try:
            changeset.undo(work.formation(plan.template), plan.change_set)
        except CloudError as error:
            work.emit(Warned(f"a change set of {plan.template.name} is left: {error.message}"))


def plans(work: Work) -> list[StackPlan]:
    """A plan for each stack of the config. Their change sets are the caller's to delete."""
    made: list[StackPlan] = []
    try:
        for template in work.templates:
            made.append(prepare(work, template))  # what was made must be known should the next one fail
    except BaseException:
        discard(work, made)
        raise
    return made


def cost(found: Sequence[StackPlan]) -> Difference:
    """What the plans make of the month, all stacks together: what is free is free once."""
    return difference(
        [(each.present, each.template.region) for each in found if each.present is not None],
        [(each.template.document(), each.template.region) for each in found],
    )


def consents(found: Sequence[StackPlan]) -> dict[Consent, list[str]]:
    """What all the plans together need."""
    needed: dict[Consent, list[str]] = {}
    for plan in found:
        for consent, reasons in plan.consents().items():
            needed.setdefault(consent, []).extend(reasons)
    return needed


def _compared(present: Document, wanted: Document) -> tuple[Change, ...]:
    """By the templates alone: what is not in both, and what is not the same."""
    before, after = present.get("Resources", {}), wanted.get("Resources", {})
    found = []
    for name in sorted({*before, *after}):
        if name not in before:
            found.append(Change("add", name, str(after[name]["Type"])))
        elif name not in after:
            answer = {"LogicalResourceId": name, "Action": "Remove", "ResourceType": before[name]["Type"]}
            found.append(change.read(answer, before))
        elif before[name] != after[name]:
            found.append(Change("modify", name, str(after[name]["Type"])))
    return change.settled(found)


def _depended_on(each: Change) -> bool:
    return each.type in interruption.REPLACED or each.type in interruption.DATA


def _fate(each: Change) -> str:
    if each.action == "remove":
        return "is removed"
    return "is replaced" if each.replacement == "yes" else "may be replaced"


def _about(each: Change) -> Iterable[str]:
    if each.replaces:
        blamed = [cause.sentence() for cause in each.causes if cause.recreation != "never"]
        because = f" by {'; '.join(blamed)}" if blamed else ""
        yield ("REPLACED" if each.replacement == "yes" else "MAY BE REPLACED") + because
    for cause in each.causes:
        if not each.replaces or cause.recreation == "never":
            yield cause.sentence()
    if each.loss:
        yield f"DATA LOSS: {each.loss}"
    elif each.action == "remove" and each.policy in ("Retain", "Snapshot"):
        yield "it is kept, outside the stack" if each.policy == "Retain" else "a last snapshot is kept"
    for text in each.interruptions:
        yield f"interruption: {text}"


def _counted(changes: Sequence[Change]) -> str:
    counts = {
        "to add": sum(each.action == "add" for each in changes),
        "to change": sum(each.action not in ("add", "remove") and not each.replaces for each in changes),
        "to replace": sum(each.replaces for each in changes),
        "to remove": sum(each.action == "remove" for each in changes),
    }
    return (
        ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        or "settings of the stack only"
    )
