"""What runs: an image, built or ready, and its container."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from deployer.config.model import Conflict, Section
from deployer.config.sections.kinds import (
    Command,
    DockerName,
    Duration,
    Folder,
    LogSize,
    Name,
    Port,
    Size,
    Text,
    UrlPath,
    UrlPrefix,
    VariableName,
    Variables,
    Volume,
    Word,
    repeated,
)


class Build(Section, frozen=True, kw_only=True):
    """How the image is made from a folder of sources."""

    context: Annotated[
        Path, Meta(description="Folder sent to the engine, relative to the config's own folder.")
    ] = Path()
    dockerfile: Annotated[
        Path,
        Meta(
            description="Dockerfile, relative to the config's own folder; one ending in .j2 is rendered with "
            "`config` and `base` first."
        ),
    ] = Path("Dockerfile")
    target: Annotated[
        Word | None,
        Meta(
            description="Stage of the Dockerfile to build; the last one if not given.", examples=["runtime"]
        ),
    ] = None
    base: Annotated[
        Word | None,
        Meta(
            description="Base image, given to the Dockerfile as build argument BASE.",
            examples=["debian:bookworm-slim"],
        ),
    ] = None
    args: Annotated[
        dict[VariableName, Text],
        Meta(
            description="Further build arguments. They stay in the image's history: never a secret.",
            examples=[{"JAVA_VERSION": "17"}],
        ),
    ] = {}
    prepare: Annotated[
        list[Command],
        Meta(
            description="Commands run on the deployer's machine, in the config's folder, before the build.",
            examples=[[["scripts/wheelhouse"]]],
        ),
    ] = []
    inputs: Annotated[
        list[Word],
        Meta(
            description="Globs relative to the context; only what matches is sent and decides whether to "
            "build anew. Empty: everything .dockerignore lets through.",
            examples=[["app/**", "build/wheelhouse/**"]],
        ),
    ] = []


class Service(Section, frozen=True, kw_only=True):
    """The container that is deployed."""

    name: Annotated[
        Name,
        Meta(
            description="Name of the service; its containers, images and volumes carry it.", examples=["shop"]
        ),
    ]
    image: Annotated[
        Word | None, Meta(description="Ready image to run. Give either this or `build`.", examples=["shop:1"])
    ] = None
    build: Annotated[
        Build | None, Meta(description="How to build the image. Give either this or `image`.")
    ] = None
    port: Annotated[
        Port, Meta(description="Port the service listens on, inside its container.", examples=[8080])
    ]
    health: Annotated[
        UrlPath, Meta(description="Readiness path: a 2xx or 3xx answer means that requests may come.")
    ] = "/"
    env: Annotated[
        Variables,
        Meta(
            description="Environment of the container, and of its hooks. Values are text as written; "
            "secrets are references: ${env:NAME}, ${file:/path} or ${ssm:/path}, and $${ stands for a plain "
            "${.",
            examples=[{"MODE": "live", "DB_PASSWORD": "${env:DB_PASSWORD}"}],
        ),
    ] = {}
    command: Annotated[
        Command | None,
        Meta(description="Command in place of the image's own.", examples=[["serve", "--port", "8080"]]),
    ] = None
    user: Annotated[
        Text | None,
        Meta(
            description="User to run as, `name`, `uid` or `uid:gid`; else the image's own.",
            examples=["10001:10001"],
        ),
    ] = None
    volumes: Annotated[
        list[Volume],
        Meta(
            description="Volumes as name:/path or name:/path:ro; two releases share them during a rollout.",
            examples=[["shop-data:/data"]],
        ),
    ] = []
    networks: Annotated[
        list[DockerName],
        Meta(
            description="Further existing networks of the engine to join, for a database say.",
            examples=[["database"]],
        ),
    ] = []
    memory: Annotated[
        Annotated[Size, Meta(ge=6 * 1024**2)] | None,
        Meta(description="Memory limit of the container; none if not given.", examples=["256m"]),
    ] = None
    cpus: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(
            description="Limit of processor time; none if not given.",
            extra={"unit": "processors"},
            examples=[1.5],
        ),
    ] = None
    read_only: Annotated[bool, Meta(description="Mount the root file system read-only.")] = False
    tmpfs: Annotated[
        list[Folder], Meta(description="Folders held in memory, for a read-only root.", examples=[["/tmp"]])
    ] = []
    init: Annotated[
        bool, Meta(description="Run an init as process 1, which reaps children and passes signals on.")
    ] = True
    stop_timeout: Annotated[Duration, Meta(description="Time between SIGTERM and SIGKILL.")] = 30.0
    labels: Annotated[
        dict[Word, Text],
        Meta(
            description="Further labels of the container; deployer.* is reserved.",
            examples=[{"team": "shop"}],
        ),
    ] = {}
    log_max_size: Annotated[
        LogSize, Meta(description="Size at which the engine rotates the container's log.")
    ] = "10m"
    log_max_files: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(description="Rotated logs kept per container.", extra={"unit": "files"}),
    ] = 3
    streams: Annotated[
        list[UrlPrefix],
        Meta(
            description="Path prefixes of long-lived answers (SSE), which get `rollout.drain_streams` to "
            "end.",
            examples=[["/api/stream/"]],
        ),
    ] = []

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        if {"image", "build"} <= said.keys() and (said["build"] is None) == (said["image"] is None):
            yield "", "give either 'image' or 'build'" + ("" if said["build"] is None else ", not both")
        targets = [volume.split(":")[1] for volume in said.get("volumes", ())]
        yield from repeated("volumes", targets, "two volumes are mounted at")
        yield from repeated("tmpfs", [*set(targets), *said.get("tmpfs", ())], "two things are mounted at")
        for label in said.get("labels", ()):
            if label.startswith("deployer."):
                yield "labels", f"'{label}': labels that begin with 'deployer.' are the deployer's own"
