"""What `config.yaml` may say: typed, frozen, each key with its meaning, unit and default.

This module is the one source of the reference (`docs/configuration.md`, `deployer config docs`), of the
JSON Schema for editors and of the validation. `load` reads a file into a `Config`.

Units: durations are float seconds, sizes are int bytes; both may be written as people do ("5m", "1g").
"""

from __future__ import annotations

from pathlib import Path

from pydantic import (
    Field,
    PrivateAttr,
    field_validator,
)

from deployer.config.sections.edge import Edge
from deployer.config.sections.hosts import Host, Machine, Prepare, Ssh
from deployer.config.sections.jenkins import Jenkins
from deployer.config.sections.kinds import Section, all_differ, below
from deployer.config.sections.notify import Notify
from deployer.config.sections.pipelines import Pipelines
from deployer.config.sections.rollout import Rollout
from deployer.config.sections.service import Service
from deployer.config.sections.site import Site
from deployer.config.sections.stack import Stack
from deployer.config.sections.watch import Watch


class Config(Section):
    """A whole config, with its environment merged in."""

    service: Service = Field(description="The container that is deployed.")
    edge: Edge = below("The proxy in front of the service.")
    site: Site | None = Field(
        default=None, description="The front end beside the API; without it all goes to the service."
    )
    rollout: Rollout = below("How a new release takes over.")
    host: Host = below(
        "The Docker engine everything runs on; with `hosts`, the one that images are built on."
    )
    hosts: list[Machine] = Field(
        default_factory=list,
        description="Hosts reached over SSH; with any, commands work on all, or on those of `--host`.",
    )
    ssh: Ssh = below("How `hosts` are reached.")
    prepare: Prepare = below("What `deployer host prepare` makes of a host.")
    watch: Watch = below("What `deployer watch` tells, and when.")
    pipelines: Pipelines = below("What `python -m pipelines` runs before it deploys.")
    notify: Notify = below("Who is told what happens, beside the terminal.")
    jenkins: Jenkins = below("The Jenkins controller that runs the pipelines.")
    stack: Stack | None = Field(
        default=None, description="What `deployer infra` makes in an AWS account; without it, nothing."
    )

    @field_validator("hosts")
    @classmethod
    def _hosts_differ(cls, hosts: list[Machine]) -> list[Machine]:
        all_differ([host.name for host in hosts], "two hosts are named")
        return hosts

    _environment: str | None = PrivateAttr(None)
    _path: Path | None = PrivateAttr(None)

    @property
    def environment(self) -> str | None:
        """Name of the environment that was merged in; None for the base."""
        return self._environment

    @property
    def path(self) -> Path | None:
        """The file it was read from, absolute; None for a config made in memory."""
        return self._path

    @property
    def root(self) -> Path:
        """The folder relative paths of the config start from: the file's own, else the current one."""
        return self._path.parent if self._path else Path.cwd()

    def located(self, path: Path | None, environment: str | None = None) -> Config:
        """The same config, knowing where it came from."""
        copy = self.model_copy()
        copy._path = path.absolute() if path else None  # noqa: SLF001 -- one of us
        copy._environment = environment  # noqa: SLF001
        return copy
