"""What a change set does to one resource, as a person wants to know it: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from deployer.config.secrets import MASK, looks_secret
from deployer.stack import interruption
from deployer.stack.naming import shell_name

_LONGEST = 60
"""Characters of a value that is shown; longer ones (a script, a policy) say nothing in a line."""
_UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
_LASTING = ("Arn", "GroupId", "VpcId", "Id", "RoleId", "TopicArn", "TopicName")
"""Attributes that stay the same as long as their resource is not replaced."""


class Cause(Struct, frozen=True):
    """A property that changes.

    :ivar recreation: what CloudFormation says of it: never, conditionally or always.
    :ivar certain: it changes, and to a value that is known before.
    :ivar through: the resource, attribute or parameter whose change it follows; empty: the template itself.
    :ivar void: it follows what stays as it is, and so comes to the same as before.
    """

    property: str
    recreation: str = "never"
    before: str = ""
    after: str = ""
    certain: bool = True
    through: str = ""
    void: bool = False

    def sentence(self) -> str:
        """As in `InstanceType: t3.small -> t3.medium`."""
        if self.before or self.after:
            return f"{self.property}: {self.before or 'nothing'} -> {self.after or 'nothing'}"
        if not self.through:
            return self.property
        return f"{self.property} (follows {self.through}{', which stays' if self.void else ''})"


class Change(Struct, frozen=True):
    """One resource.

    :ivar action: add, modify, remove, import or dynamic.
    :ivar replacement: no, maybe or yes.
    :ivar policy: what becomes of the old one: Delete, Retain or Snapshot; empty where it stays as it is.
    """

    action: str
    resource: str
    type: str
    physical: str = ""
    replacement: str = "no"
    policy: str = ""
    causes: tuple[Cause, ...] = ()

    @property
    def replaces(self) -> bool:
        """It is, or may be, made anew."""
        return self.replacement != "no"

    @property
    def interruptions(self) -> list[str]:
        """What visitors or admins notice."""
        if self.replaces:
            told = interruption.REPLACED.get(self.type)
            return [told] if told else []
        if self.action != "modify":
            return []
        changed = [cause.property for cause in self.causes if not cause.void]
        return interruption.of_change(self.type, changed)

    @property
    def loss(self) -> str:
        """What is lost, or left behind where the new one cannot see it; empty where nothing is."""
        held = interruption.DATA.get(self.type)
        if held is None or not (self.action == "remove" or self.replaces):
            return ""
        if self.policy == "Retain":
            if self.action == "remove":
                return ""
            return f"the new one begins without {held}; the old one is kept, outside the stack"
        if self.policy == "Snapshot":
            empty = "" if self.action == "remove" else "; the new one begins empty"
            return f"loses {held}, but for a last snapshot{empty}"
        return f"loses {held}"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            **to_builtins(self),
            "causes": [to_builtins(cause) for cause in self.causes],
            "interruptions": self.interruptions,
            "loss": self.loss,
        }


def read(answer: Mapping[str, Any], old: Mapping[str, Any]) -> Change:
    """A change of DescribeChangeSet's answer.

    :param old: the present template's resources, whose policies say what becomes of what goes.
    """
    name, action = str(answer["LogicalResourceId"]), str(answer["Action"]).lower()
    replacement = {"True": "yes", "Conditional": "maybe"}.get(str(answer.get("Replacement", "")), "no")
    fate = ""
    if action == "remove" or replacement != "no":
        key = "DeletionPolicy" if action == "remove" else "UpdateReplacePolicy"
        fate = str(answer.get("PolicyAction", "")).removeprefix("ReplaceAnd") or policy(
            old.get(name, {}), key
        )
    return Change(
        action=action,
        resource=name,
        type=str(answer["ResourceType"]),
        physical=str(answer.get("PhysicalResourceId") or ""),
        replacement=replacement,
        policy=fate,
        causes=tuple(_causes(answer.get("Details", []))),
    )


def added(resources: Mapping[str, Mapping[str, Any]]) -> tuple[Change, ...]:
    """The changes of a stack that is made from nothing."""
    return tuple(Change("add", name, str(each.get("Type", ""))) for name, each in sorted(resources.items()))


def settled(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Without the replacements that cannot happen.

    CloudFormation says "Conditional" wherever a resource refers to one that changes, as long as it does not
    know what that comes to. A reference to one that is itself not replaced comes to the same as before.
    """
    found = {change.resource: change for change in changes}
    while True:
        replaced = {name for name, each in found.items() if each.replaces or each.action != "modify"}
        calmed = {}
        for name, each in found.items():
            causes = tuple(replace(cause, void=_stays(cause, found, replaced)) for cause in each.causes)
            doubt = each.replacement == "maybe" and not _replacing(causes)
            calm = {"replacement": "no", "policy": ""} if doubt else {}
            calmed[name] = replace(each, causes=causes, **calm)
        if calmed == found:
            return tuple(sorted(found.values(), key=_order))
        found = calmed


def _stays(cause: Cause, changes: Mapping[str, Change], replaced: Collection[str]) -> bool:
    """It follows a resource that is changed in place, by an attribute that this does not change."""
    resource, _, attribute = cause.through.partition(".")
    lasting = not attribute or attribute in _LASTING
    return not cause.certain and resource in changes and resource not in replaced and lasting


def _replacing(causes: Sequence[Cause]) -> bool:
    """Whether a property that would replace the resource can come to another value."""
    blamed = [cause for cause in causes if cause.recreation != "never"]
    # Without a property to blame there is nothing to say it cannot.
    return not blamed or not all(cause.void for cause in blamed)


def _order(change: Change) -> tuple[int, str]:
    """What is lost or replaced first."""
    return (
        0 if change.loss else 1 if change.replaces else 2 if change.action == "remove" else 3,
        change.resource,
    )


def _causes(details: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """One for each property and what it follows.

    What follows a parameter or a resource is told a second time, as a "Dynamic" change of the template.
    """
    found: dict[tuple[str, str], Cause] = {}
    for detail in details:
        target = detail.get("Target", {})
        name = str(target.get("Name") or target.get("Attribute", "Properties"))
        direct = detail.get("ChangeSource") == "DirectModification"
        cause = Cause(
            property=name,
            recreation=str(target.get("RequiresRecreation", "Never")).lower(),
            before=_shown(name, target.get("Path"), target.get("BeforeValue")),
            after=_shown(name, target.get("Path"), target.get("AfterValue")),
            certain=detail.get("Evaluation", "Static") == "Static",
            through="" if direct else str(detail.get("CausingEntity") or ""),
        )
        known = found.get((name, cause.through))
        if known is None or (cause.certain and not known.certain):
            found[name, cause.through] = cause
    followed = {name for name, through in found if through}
    return [
        cause for cause in found.values() if cause.through or cause.certain or cause.property not in followed
    ]


def _shown(name: str, path: object, value: object) -> str:
    """A value for a line: nothing where it is long, **** where it may be a secret."""
    if value in (None, ""):
        return ""
    text = "known afterwards" if value == _UNKNOWN else str(value)
    if len(text) > _LONGEST or "\n" in text:
        return "..."
    last = str(path or name).rsplit("/", 1)[-1]
    secret = looks_secret(shell_name(name)) or looks_secret(shell_name(last)) or "Header" in str(path or "")
    return MASK if secret and not text.startswith("{{resolve:") else text


def policy(resource: Mapping[str, Any], key: str) -> str:
    """What a template says becomes of a resource that goes: Delete, Retain or Snapshot.

    :param key: DeletionPolicy or UpdateReplacePolicy.
    """
    said = str(resource.get(key, ""))
    if not said and resource.get("Type") == "AWS::RDS::DBInstance" and key == "DeletionPolicy":
        return "Snapshot"  # CloudFormation's own default for one that belongs to no cluster
    return {"RetainExceptOnCreate": "Retain"}.get(said, said) or "Delete"


def protected(resource: Mapping[str, Any]) -> bool:
    """Whether a template has a resource refuse to be deleted."""
    return resource.get("Properties", {}).get("DeletionProtection") in (True, "true")
