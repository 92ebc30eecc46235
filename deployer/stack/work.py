"""What the commands of a stack work with: the account, the templates, who is told, how long to wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from deployer.config.schema import Config
from deployer.events import Emit, ignore
from deployer.stack.cloud import Cloud
from deployer.stack.formation import Formation
from deployer.stack.layout import DATABASE_PASSWORD, GLOBAL_REGION, ORIGIN_SECRET, layout
from deployer.stack.standing import Condition, Standing, condition
from deployer.stack.template import Template, templates

KINDS = ("zone", "certificate", "main", "metrics")
"""Every stack that a config may make, in the order in which they are applied."""


class Place(Struct, frozen=True):
    """A stack's kind, its name, and where it is."""

    kind: str
    name: str
    region: str


class Work(Struct):
    """What a command works with.

    :ivar name: of the main stack; the others begin with it.
    :ivar templates: the stacks the config makes, in the order in which they are applied.
    :ivar lock_wait: seconds to wait while somebody else changes a stack.
    :ivar secrets: names of its secrets below `secrets_prefix`.
    """

    name: str
    region: str
    templates: Sequence[Template]
    cloud: Cloud = field(default_factory=Cloud)
    emit: Emit = ignore
    lock_wait: float = 0.0
    secrets_prefix: str = ""
    secrets: Sequence[str] = ()

    @property
    def generated(self) -> Sequence[str]:
        """Those of the secrets that are made by chance, since nobody but machines needs them."""
        return [name for name in self.secrets if name in (ORIGIN_SECRET, DATABASE_PASSWORD)]

    def formation(self, of: Template | Place) -> Formation:
        """CloudFormation where a stack is."""
        return self.cloud.formation(of.region)

    def standing(self, of: Template | Place) -> Standing | None:
        """A stack as it stands now."""
        return self.formation(of).standing(of.name)

    def outputs(self, kind: str) -> Mapping[str, str]:
        """The outputs of the stack of this kind; none where it is not there."""
        for template in self.templates:
            if template.kind == kind:
                found = self.standing(template)
                return found.outputs if found else {}
        return {}

    def places(self) -> list[Place]:
        """Where each stack is or would be, also of those that the config does not make any more."""
        known = {template.kind: template for template in self.templates}
        return [
            Place(kind, known[kind].name, known[kind].region)
            if kind in known
            else Place(
                kind,
                self.name if kind == "main" else f"{self.name}-{kind}",
                self.region if kind == "main" else GLOBAL_REGION,
            )
            for kind in KINDS
        ]

    def leftovers(self) -> list[tuple[Place, Standing]]:
        """Stacks that are there, and that the config does not make any more."""
        made = {template.kind for template in self.templates}
        return [
            (place, found)
            for place in self.places()
            if place.kind not in made
            and (found := self.standing(place)) is not None
            and condition(found) is not Condition.ABSENT
        ]


def open_work(config: Config, emit: Emit = ignore, lock_wait: float = 0.0) -> Work:
    """What a config's stacks are worked on with. Nothing is sent yet.

    :raises ConfigError: the config has no `stack`, or its parts do not go together.
    """
    found = layout(config)
    return Work(
        found.name,
        found.region,
        templates(config),
        emit=emit,
        lock_wait=lock_wait,
        secrets_prefix=found.secrets_prefix,
        secrets=found.secrets,
    )
