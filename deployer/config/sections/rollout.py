"""How a new release takes over."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from deployer.config.model import Conflict, Section
from deployer.config.sections.kinds import (
    Batch,
    Command,
    Duration,
    Name,
    Size,
    Text,
    UrlPath,
    Variables,
    Wait,
    repeated,
)


class Smoke(Section, frozen=True, kw_only=True):
    """A request the candidate must answer before it gets any traffic."""

    path: Annotated[
        UrlPath,
        Meta(description="Path to ask for, through the edge's preview route.", examples=["/api/version"]),
    ]
    status: Annotated[
        Annotated[int, Meta(ge=100, le=599)], Meta(description="HTTP status that is expected.")
    ] = 200
    contains: Annotated[
        Text | None, Meta(description="Text the answer's body must hold.", examples=['"version"'])
    ] = None


class Hook(Section, frozen=True, kw_only=True):
    """A one-off container of the new image, with the service's env, volumes and networks."""

    name: Annotated[
        Name, Meta(description="Name shown while it runs, and in the container's name.", examples=["migrate"])
    ]
    command: Annotated[
        Command,
        Meta(
            description="Command to run; a non-zero exit code fails the rollout.",
            examples=[["python3", "-m", "app", "migrate"]],
        ),
    ]
    timeout: Annotated[Wait, Meta(description="Time it may take before it is killed.")] = 300.0
    env: Annotated[
        Variables, Meta(description="Environment on top of `service.env`.", examples=[{"MODE": "migrate"}])
    ] = {}


class Rollout(Section, frozen=True, kw_only=True):
    """How a new release takes over."""

    strategy: Annotated[
        Literal["blue-green", "recreate"],
        Meta(
            description="`blue-green` starts the new release beside the old one; `recreate` stops the old "
            "one first, while the edge holds the requests, for hosts without memory for two."
        ),
    ] = "blue-green"
    ready_timeout: Annotated[
        Wait, Meta(description="Time a candidate may take until its health path answers.")
    ] = 60.0
    smoke: Annotated[
        list[Smoke], Meta(description="Requests the candidate must pass before the switch.")
    ] = []
    before: Annotated[list[Hook], Meta(description="Hooks run before the switch: migrations.")] = []
    before_rollback: Annotated[
        list[Hook],
        Meta(
            description="Hooks run before a rollback to a release that is not warm, in its image: whether "
            "it can run on the database as it is now."
        ),
    ] = []
    after: Annotated[
        list[Hook], Meta(description="Hooks run after the switch; one that fails is warned of.")
    ] = []
    drain: Annotated[Duration, Meta(description="Time running requests of the old release get to end.")] = (
        30.0
    )
    drain_streams: Annotated[
        Duration, Meta(description="The same for long-lived answers (`service.streams`).")
    ] = 300.0
    observe: Annotated[
        Duration, Meta(description="Time the new release is watched after the switch, 0 for not at all.")
    ] = 3.0
    max_errors: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="5xx answers while observed that are forgiven, however large their share; unless all "
            "answers are, of 2 or more.",
            extra={"unit": "answers"},
        ),
    ] = 5
    max_error_rate: Annotated[
        Annotated[float, Meta(ge=0, le=1)],
        Meta(
            description="Share of 5xx answers while observed, beyond `max_errors`, that rolls it back; 1 for "
            "not at all.",
            extra={"unit": "share, 0 to 1"},
        ),
    ] = 0.05
    keep_warm: Annotated[
        Duration, Meta(description="Time the previous release keeps running, for an immediate rollback.")
    ] = 3600.0
    keep_releases: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(description="Releases whose images are kept.", extra={"unit": "releases"}),
    ] = 5
    lock_wait: Annotated[
        Duration,
        Meta(
            description="Time to wait for somebody else's rollout; 5s at the least, which the lock of a "
            "killed one may take to go."
        ),
    ] = 0.0
    batch: Annotated[
        Batch,
        Meta(
            description="With `hosts`: how many of them change at the same time, a number or a share.",
            examples=["50%"],
        ),
    ] = "1"
    max_failures: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="With `hosts`: how many may fail before the rollout stops and all go back.",
            extra={"unit": "hosts"},
        ),
    ] = 0
    disk_free: Annotated[Size, Meta(description="Free space needed on the engine's disk.")] = 1024**3
    memory_free: Annotated[
        Size | None,
        Meta(
            description="Free memory needed for a second release; else `service.memory`, or what the running "
            "release uses, at least 64m.",
            examples=["256m"],
        ),
    ] = None

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        for when in ("before", "before_rollback", "after"):
            yield from repeated(when, [hook.name for hook in said.get(when, ())], "two hooks are named")
