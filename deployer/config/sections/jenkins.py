"""The controller that runs the pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
)

from deployer.config.sections.kinds import (
    Address,
    ControllerUrl,
    Port,
    SecretText,
    Section,
    Size,
    Text,
    VariableName,
    Variables,
    Word,
    below,
)


class Portainer(Section):
    """A page over the engine's containers, beside the controller."""

    enabled: bool = Field(default=True, description="Whether `up` makes it too.")
    image: Word = Field(default="portainer/portainer-ce:2.27.9", description="Image of Portainer.")
    port: Port = Field(default=9000, description="Port on which the host serves it, at `jenkins.address`.")


class Jenkins(Section):
    """The Jenkins controller that runs the pipelines: how to make one, and how to reach one."""

    url: ControllerUrl | None = Field(
        default=None,
        description="Address of the controller for `pipelines jenkins`; else the one that `up` makes on this "
        "host.",
        examples=["https://ci.example.org/jenkins"],
    )
    public_url: ControllerUrl | None = Field(
        default=None,
        description="Address under which people and GitHub reach it; else `url`.",
        examples=["https://ci.example.org/"],
    )
    user: Word = Field(default="admin", description="User that `up` makes, and as whom the client asks.")
    token: SecretText | None = Field(
        default=None,
        description="API token of `user`, as a reference; else `password` is used.",
        examples=["${env:JENKINS_TOKEN}"],
    )
    password: SecretText | None = Field(
        default=None,
        description="Password of `user`, as a reference; `up` needs it.",
        examples=["${env:JENKINS_PASSWORD}"],
    )
    repository: Word | None = Field(
        default=None,
        description="Git address that the jobs build; `up` and `run` do without.",
        examples=["https://github.com/example/shop.git"],
    )
    branch: Word = Field(default="main", description="Branch that the jobs build.")
    github_token: SecretText | None = Field(
        default=None,
        description="Token of GitHub, as a reference: for a private repository, and to make the webhook.",
        examples=["${env:GITHUB_TOKEN}"],
    )
    github_api: ControllerUrl = Field(
        default="https://api.github.com", description="Address of GitHub's API, for an own GitHub server."
    )
    webhook_secret: SecretText | None = Field(
        default=None,
        description="Secret that GitHub signs its deliveries with, as a reference; others are then refused.",
        examples=["${env:WEBHOOK_SECRET}"],
    )
    credentials: Variables = Field(
        default_factory=dict,
        description="Secrets for the pipelines, as references: each becomes a credential of kind secret text "
        "whose id is the key.",
        examples=[{"gemini-api-key": "${env:GEMINI_API_KEY}"}],
    )
    env: dict[VariableName, Text] = Field(
        default_factory=dict,
        description="Further environment variables of the controller, and so of every build; no secrets.",
        examples=[{"AWS_REGION": "ap-northeast-2"}],
    )
    base: Word = Field(
        default="jenkins/jenkins:2.568.2-jdk21", description="Controller image that ours is built on."
    )
    node: Word = Field(
        default="node:20.20.2-bookworm-slim", description="Image that Node and npm are taken from."
    )
    aws: Word = Field(default="amazon/aws-cli:2.31.38", description="Image that AWS CLI v2 is taken from.")
    docker: Word = Field(default="docker:28.5.2-cli", description="Image that Docker's client is taken from.")
    wheels: Path | None = Field(
        default=None,
        description="Folder of Python packages to build with, relative to the config's own folder; else the "
        "build asks a package index.",
        examples=["build/wheels-jenkins"],
    )
    address: Address = Field(
        default="127.0.0.1",
        description="Address on which the host serves the controller and its accessories: an admin's way in, "
        "never 0.0.0.0 without a firewall.",
    )
    port: Port = Field(default=9090, description="Port on which the host serves the controller.")
    executors: Annotated[int, Field(ge=1, le=2)] = Field(
        default=1, description="Builds at once; a small host bears one.", json_schema_extra={"unit": "builds"}
    )
    heap: Annotated[Size, Field(ge=256 * 1024**2)] | None = Field(
        default=None,
        description="Largest heap of the controller; else a quarter of the host's memory, 384m to 1g.",
        examples=["512m"],
    )
    socket_group: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="Group id of the engine's socket on its host; else read from the local socket.",
        json_schema_extra={"unit": "group id"},
        examples=[998],
    )

    @property
    def address_of_controller(self) -> str:
        """Where a client on this host reaches it, without a slash at the end."""
        address = "127.0.0.1" if self.address == "0.0.0.0" else self.address
        return (self.url or f"http://{address}:{self.port}").rstrip("/")

    portainer: Portainer = below("A page over the engine's containers, beside the controller.")
