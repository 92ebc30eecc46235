"""How a new release takes over."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    field_validator,
)

from deployer.config.sections.kinds import (
    Batch,
    Command,
    Duration,
    Name,
    Section,
    Size,
    Text,
    UrlPath,
    Variables,
    Wait,
    all_differ,
)


class Smoke(Section):
    """A request the candidate must answer before it gets any traffic."""

    path: UrlPath = Field(
        description="Path to ask for, through the edge's preview route.", examples=["/api/version"]
    )
    status: Annotated[int, Field(ge=100, le=599)] = Field(
        default=200, description="HTTP status that is expected."
    )
    contains: Text | None = Field(
        default=None, description="Text the answer's body must hold.", examples=['"version"']
    )


class Hook(Section):
    """A one-off container of the new image, with the service's env, volumes and networks."""

    name: Name = Field(
        description="Name shown while it runs, and in the container's name.", examples=["migrate"]
    )
    command: Command = Field(
        description="Command to run; a non-zero exit code fails the rollout.",
        examples=[["python3", "-m", "app", "migrate"]],
    )
    timeout: Wait = Field(default=300.0, description="Time it may take before it is killed.")
    env: Variables = Field(
        default_factory=dict,
        description="Environment on top of `service.env`.",
        examples=[{"MODE": "migrate"}],
    )


class Rollout(Section):
    """How a new release takes over."""

    strategy: Literal["blue-green", "recreate"] = Field(
        default="blue-green",
        description="`blue-green` starts the new release beside the old one; `recreate` stops the old one "
        "first, while the edge holds the requests, for hosts without memory for two.",
    )
    ready_timeout: Wait = Field(
        default=60.0, description="Time a candidate may take until its health path answers."
    )
    smoke: list[Smoke] = Field(
        default_factory=list, description="Requests the candidate must pass before the switch."
    )
    before: list[Hook] = Field(default_factory=list, description="Hooks run before the switch: migrations.")
    before_rollback: list[Hook] = Field(
        default_factory=list,
        description="Hooks run before a rollback to a release that is not warm, in its image: whether it can "
        "run on the database as it is now.",
    )
    after: list[Hook] = Field(
        default_factory=list, description="Hooks run after the switch; one that fails is warned of."
    )
    drain: Duration = Field(default=30.0, description="Time running requests of the old release get to end.")
    drain_streams: Duration = Field(
        default=300.0, description="The same for long-lived answers (`service.streams`)."
    )
    observe: Duration = Field(
        default=3.0, description="Time the new release is watched after the switch, 0 for not at all."
    )
    max_errors: Annotated[int, Field(ge=0)] = Field(
        default=5,
        description="5xx answers while observed that are forgiven, however large their share.",
        json_schema_extra={"unit": "answers"},
    )
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05,
        description="Share of 5xx answers while observed, beyond `max_errors`, that rolls it back.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    keep_warm: Duration = Field(
        default=3600.0, description="Time the previous release keeps running, for an immediate rollback."
    )
    keep_releases: Annotated[int, Field(ge=1)] = Field(
        default=5, description="Releases whose images are kept.", json_schema_extra={"unit": "releases"}
    )
    lock_wait: Duration = Field(
        default=0.0, description="Time to wait for somebody else's rollout, 0 to refuse at once."
    )
    batch: Batch = Field(
        default="1",
        description="With `hosts`: how many of them change at the same time, a number or a share.",
        examples=["50%"],
    )
    max_failures: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="With `hosts`: how many may fail before the rollout stops and all go back.",
        json_schema_extra={"unit": "hosts"},
    )
    disk_free: Size = Field(default=1024**3, description="Free space needed on the engine's disk.")
    memory_free: Size | None = Field(
        default=None,
        description="Free memory needed for a second release; else `service.memory`, or what the running "
        "release uses, at least 64m.",
        examples=["256m"],
    )

    @field_validator("before", "before_rollback", "after")
    @classmethod
    def _names_differ(cls, hooks: list[Hook]) -> list[Hook]:
        all_differ([hook.name for hook in hooks], "two hooks are named")
        return hooks
