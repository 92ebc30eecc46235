"""How the stacks are: their state, what differs from the config, what failed last, what they give."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from deployer.stack import progress
from deployer.stack.formation import Document, Formation
from deployer.stack.naming import shell_name
from deployer.stack.progress import Failure
from deployer.stack.standing import Condition, condition
from deployer.stack.template import Template
from deployer.stack.work import Place, Work

_EVENTS = 500
"""Of a stack's past, how far back a failure is looked for."""


class Status(Struct, frozen=True):
    """One stack.

    :ivar wanted: the config makes it.
    :ivar differs: what in the config's template is not as it was deployed; None where it cannot be told.
    :ivar failure: what failed in the last operation that failed.
    """

    kind: str
    stack: str
    region: str
    status: str
    condition: str
    wanted: bool
    reason: str = ""
    since: str = ""
    protected: bool = False
    differs: tuple[str, ...] | None = None
    failure: Failure | None = None

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "stack": self.stack,
            "region": self.region,
            "status": self.status,
            "condition": self.condition,
            "wanted": self.wanted,
            "reason": self.reason,
            "since": self.since or None,
            "protected": self.protected,
            "differs": None if self.differs is None else list(self.differs),
            "last_failure": self.failure.as_dict() if self.failure else None,
        }

    def lines(self) -> list[str]:
        """For people."""
        since = f", {self.since}" if self.since else ""
        lines = [f"{self.stack} in {self.region}: {self.status}{since}"]
        if self.reason:
            lines.append(f"    {self.reason}")
        if not self.wanted:
            lines.append(f"    not in the config any more: `deployer infra destroy {self.kind}`")
        elif self.differs:
            lines.append(f"    differs from the config: {', '.join(self.differs)}; `deployer infra plan`")
        if self.failure:
            lines.append(f"    last failure ({self.failure.at}): {self.failure.sentence()}")
        return lines


def statuses(work: Work) -> list[Status]:
    """All stacks: those of the config, and those that are there without it."""
    wanted = {template.kind: template for template in work.templates}
    found = []
    for place in work.places():
        status = _status(work, place, wanted.get(place.kind))
        if status.wanted or status.condition != Condition.ABSENT.value:
            found.append(status)
    return found


def outputs(work: Work) -> dict[str, str]:
    """What all stacks give; a name that main has too gets the kind before it, as in MetricsTopicArn."""
    kinds = [template.kind for template in work.templates]
    found: dict[str, str] = {}
    for kind in sorted(kinds, key=lambda kind: kind != "main"):
        for key, value in work.outputs(kind).items():
            found[f"{kind.capitalize()}{key}" if key in found else key] = value
    return found


def as_shell(found: Mapping[str, str]) -> list[str]:
    """Lines for `eval`: `BUCKET_NAME=shop-site`."""
    return [f"{shell_name(key)}={shlex.quote(value)}" for key, value in sorted(found.items())]


def _status(work: Work, place: Place, template: Template | None) -> Status:
    formation, found = work.formation(place), work.standing(place)
    state = condition(found)
    if found is None or state is Condition.ABSENT:
        return Status(place.kind, place.name, place.region, "not there", state.value, template is not None)
    return Status(
        kind=place.kind,
        stack=place.name,
        region=place.region,
        status=found.status,
        condition=state.value,
        wanted=template is not None,
        reason=found.reason,
        since=found.since,
        protected=found.protected,
        differs=None
        if template is None
        else tuple(differences(formation.template(place.name), template.document())),
        failure=_last_failure(formation, found.id),
    )


def differences(deployed: Document, wanted: Document) -> Sequence[str]:
    """Names of the resources, and sections of the template, that are not the same in both."""
    before, after = deployed.get("Resources", {}), wanted.get("Resources", {})
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    sections = [
        key
        for key in sorted({*deployed, *wanted})
        if key not in ("Resources", "Description") and deployed.get(key) != wanted.get(key)
    ]
    return [*names, *sections]


def _last_failure(formation: Formation, stack: str) -> Failure | None:
    """The first failure of the last operation that had one; none once a later one went well."""
    events = itertools.islice(formation.events(stack), _EVENTS)
    operation = progress.last_operation(events)
    failures = progress.failures(operation)
    return failures[0] if failures else None
