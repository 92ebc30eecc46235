"""What `config.yaml` may say: typed, frozen, each key with its meaning, unit and default.

This module and `sections` are the one source of the reference (`docs/configuration.md`, `deployer config
docs`), of the JSON Schema for editors and of the validation. `load` reads a file into a `Config`.

Units: durations are float seconds, sizes are int bytes; both may be written as people do ("5m", "1g").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from deployer.config.parts import REQUIRED, Part
from deployer.config.reading import Flaw, Invalid

if TYPE_CHECKING:
    from deployer.config.sections.edge import Edge
    from deployer.config.sections.hosts import Host, Machine, Prepare, Ssh
    from deployer.config.sections.jenkins import Jenkins
    from deployer.config.sections.notify import Notify
    from deployer.config.sections.pipelines import Pipelines
    from deployer.config.sections.rollout import Rollout
    from deployer.config.sections.service import Service
    from deployer.config.sections.site import Site
    from deployer.config.sections.stack import Stack
    from deployer.config.sections.watch import Watch


class Config:
    """A whole config, with its environment merged in.

    :ivar made: the sections that the file has, and those that were asked for since.
    :ivar environment: name of the environment that was merged in; None for the base.
    :ivar path: the file it was read from, absolute; None for a config made in memory.
    """

    service: Part[Service] = Part("service:Service", "The container that is deployed.")
    edge: Part[Edge] = Part("edge:Edge", "The proxy in front of the service.", {})
    site: Part[Site | None] = Part(
        "site:Site", "The front end beside the API; without it all goes to the service.", None
    )
    rollout: Part[Rollout] = Part("rollout:Rollout", "How a new release takes over.", {})
    host: Part[Host] = Part(
        "hosts:Host",
        "The Docker engine everything runs on; with `hosts`, the one that images are built on.",
        {},
    )
    hosts: Part[list[Machine]] = Part(
        "hosts:Machines",
        "Hosts reached over SSH; with any, commands work on all, or on those of `--host`.",
        [],
    )
    ssh: Part[Ssh] = Part("hosts:Ssh", "How `hosts` are reached.", {})
    prepare: Part[Prepare] = Part("hosts:Prepare", "What `deployer host prepare` makes of a host.", {})
    watch: Part[Watch] = Part("watch:Watch", "What `deployer watch` tells, and when.", {})
    pipelines: Part[Pipelines] = Part(
        "pipelines:Pipelines", "What `python -m pipelines` runs before it deploys.", {}
    )
    notify: Part[Notify] = Part("notify:Notify", "Who is told what happens, beside the terminal.", {})
    jenkins: Part[Jenkins] = Part("jenkins:Jenkins", "The Jenkins controller that runs the pipelines.", {})
    stack: Part[Stack | None] = Part(
        "stack:Stack", "What `deployer infra` makes in an AWS account; without it, nothing.", None
    )

    def __init__(
        self, made: Mapping[str, Any], path: Path | None = None, environment: str | None = None
    ) -> None:
        self.made = dict(made)
        self.path = path
        self.environment = environment

    @classmethod
    def of(cls, said: Mapping[str, object]) -> Config:
        """What a file says, merged, as dicts, lists and text.

        :raises Invalid: with every problem.
        """
        made: dict[str, Any] = {}
        found: list[Flaw] = []
        parts = {part.name: part for part in cls.parts()}
        for name, value in said.items():
            part = parts.get(name)
            if part is None:
                found.append(Flaw((name,), "unknown key", unknown=True))
                continue
            try:
                made[name] = part.make(value)
            except Invalid as error:
                found += [each.below(name) for each in error.found]
        found += [
            Flaw((name,), "is required")
            for name, part in parts.items()
            if part.default is REQUIRED and name not in said
        ]
        if found:
            raise Invalid(found)
        return cls(made)

    @classmethod
    def parts(cls) -> Iterator[Part[Any]]:
        """All sections that a file may have, in order."""
        return (part for part in vars(cls).values() if isinstance(part, Part))

    @property
    def root(self) -> Path:
        """The folder relative paths of the config start from: the file's own, else the current one."""
        return self.path.parent if self.path else Path.cwd()

    def located(self, path: Path | None, environment: str | None = None) -> Config:
        """The same config, knowing where it came from."""
        return Config(self.made, path.absolute() if path else None, environment)

    def replaced(self, **sections: Any) -> Config:
        """The same config with other sections."""
        return Config({**self.made, **sections}, self.path, self.environment)

    def dump(self, *names: str) -> dict[str, Any]:
        """Sections as dicts, lists and what JSON can hold: those of `names`, else all."""
        named = names or [part.name for part in self.parts()]
        return {name: msgspec.to_builtins(getattr(self, name), enc_hook=str) for name in named}
