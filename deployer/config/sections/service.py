"""What runs: an image, built or ready, and its container."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from deployer.config.sections.kinds import (
    Command,
    DockerName,
    Duration,
    Folder,
    LogSize,
    Name,
    Port,
    Section,
    Size,
    Text,
    UrlPath,
    UrlPrefix,
    VariableName,
    Variables,
    Volume,
    Word,
    all_differ,
)


class Build(Section):
    """How the image is made from a folder of sources."""

    context: Path = Field(
        default=Path(), description="Folder sent to the engine, relative to the config's own folder."
    )
    dockerfile: Path = Field(
        default=Path("Dockerfile"),
        description="Dockerfile, relative to the config's own folder; one ending in .j2 is rendered with "
        "`config` and `base` first.",
    )
    target: Word | None = Field(
        default=None,
        description="Stage of the Dockerfile to build; the last one if not given.",
        examples=["runtime"],
    )
    base: Word | None = Field(
        default=None,
        description="Base image, given to the Dockerfile as build argument BASE.",
        examples=["debian:bookworm-slim"],
    )
    args: dict[VariableName, Text] = Field(
        default_factory=dict,
        description="Further build arguments. They stay in the image's history: never a secret.",
        examples=[{"JAVA_VERSION": "17"}],
    )
    prepare: list[Command] = Field(
        default_factory=list,
        description="Commands run on the deployer's machine, in the config's folder, before the build.",
        examples=[[["scripts/wheelhouse"]]],
    )
    inputs: list[Word] = Field(
        default_factory=list,
        description="Globs relative to the context; only what matches is sent and decides whether to build "
        "anew. Empty: everything .dockerignore lets through.",
        examples=[["app/**", "build/wheelhouse/**"]],
    )


class Service(Section):
    """The container that is deployed."""

    name: Name = Field(
        description="Name of the service; its containers, images and volumes carry it.", examples=["shop"]
    )
    image: Word | None = Field(
        default=None, description="Ready image to run. Give either this or `build`.", examples=["shop:1"]
    )
    build: Build | None = Field(
        default=None,
        validate_default=True,
        description="How to build the image. Give either this or `image`.",
    )
    port: Port = Field(description="Port the service listens on, inside its container.", examples=[8080])
    health: UrlPath = Field(
        default="/", description="Readiness path: a 2xx or 3xx answer means that requests may come."
    )
    env: Variables = Field(
        default_factory=dict,
        description="Environment of the container, and of its hooks. Values are text as written; secrets are "
        "references: ${env:NAME}, ${file:/path} or ${ssm:/path}, and $${ stands for a plain ${.",
        examples=[{"MODE": "live", "DB_PASSWORD": "${env:DB_PASSWORD}"}],
    )
    command: Command | None = Field(
        default=None,
        description="Command in place of the image's own.",
        examples=[["serve", "--port", "8080"]],
    )
    user: Text | None = Field(
        default=None,
        description="User to run as, `name`, `uid` or `uid:gid`; else the image's own.",
        examples=["10001:10001"],
    )
    volumes: list[Volume] = Field(
        default_factory=list,
        description="Volumes as name:/path or name:/path:ro; two releases share them during a rollout.",
        examples=[["shop-data:/data"]],
    )
    networks: list[DockerName] = Field(
        default_factory=list,
        description="Further existing networks of the engine to join, for a database say.",
        examples=[["database"]],
    )
    memory: Annotated[Size, Field(ge=6 * 1024**2)] | None = Field(
        default=None, description="Memory limit of the container; none if not given.", examples=["256m"]
    )
    cpus: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Limit of processor time; none if not given.",
        json_schema_extra={"unit": "processors"},
        examples=[1.5],
    )
    read_only: bool = Field(default=False, description="Mount the root file system read-only.")
    tmpfs: list[Folder] = Field(
        default_factory=list, description="Folders held in memory, for a read-only root.", examples=[["/tmp"]]
    )
    init: bool = Field(
        default=True, description="Run an init as process 1, which reaps children and passes signals on."
    )
    stop_timeout: Duration = Field(default=30.0, description="Time between SIGTERM and SIGKILL.")
    labels: dict[Word, Text] = Field(
        default_factory=dict,
        description="Further labels of the container; deployer.* is reserved.",
        examples=[{"team": "shop"}],
    )
    log_max_size: LogSize = Field(
        default="10m", description="Size at which the engine rotates the container's log."
    )
    log_max_files: Annotated[int, Field(ge=1)] = Field(
        default=3, description="Rotated logs kept per container.", json_schema_extra={"unit": "files"}
    )
    streams: list[UrlPrefix] = Field(
        default_factory=list,
        description="Path prefixes of long-lived answers (SSE), which get `rollout.drain_streams` to end.",
        examples=[["/api/stream/"]],
    )

    @field_validator("build")
    @classmethod
    def _image_or_build(cls, build: Build | None, info: ValidationInfo) -> Build | None:
        # A field's validator rather than the model's: it speaks up even when other keys are wrong too.
        if "image" in info.data and (build is None) == (info.data["image"] is None):
            raise PydanticCustomError(
                "of_parent",
                "give either 'image' or 'build'" + ("" if build is None else ", not both"),
            )
        return build

    @field_validator("volumes")
    @classmethod
    def _targets_differ(cls, volumes: list[str]) -> list[str]:
        all_differ([volume.split(":")[1] for volume in volumes], "two volumes are mounted at")
        return volumes

    @field_validator("tmpfs")
    @classmethod
    def _tmpfs_apart(cls, tmpfs: list[str], info: ValidationInfo) -> list[str]:
        all_differ(
            tmpfs + [v.split(":")[1] for v in info.data.get("volumes", ())], "two things are mounted at"
        )
        return tmpfs

    @field_validator("labels")
    @classmethod
    def _labels_not_ours(cls, labels: dict[str, str]) -> dict[str, str]:
        for label in labels:
            if label.startswith("deployer."):
                raise ValueError(f"'{label}': labels that begin with 'deployer.' are the deployer's own")
        return labels
