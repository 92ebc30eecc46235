"""The controller that runs the pipelines."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from deployer.config.model import Section
from deployer.config.sections.kinds import (
    Address,
    ControllerUrl,
    Port,
    SecretText,
    Size,
    Text,
    VariableName,
    Variables,
    Word,
)


class Portainer(Section, frozen=True, kw_only=True):
    """A page over the engine's containers, beside the controller."""

    enabled: Annotated[bool, Meta(description="Whether `up` makes it too.")] = True
    image: Annotated[Word, Meta(description="Image of Portainer.")] = "portainer/portainer-ce:2.27.9"
    port: Annotated[Port, Meta(description="Port on which the host serves it, at `jenkins.address`.")] = 9000


class Jenkins(Section, frozen=True, kw_only=True):
    """The Jenkins controller that runs the pipelines: how to make one, and how to reach one."""

    url: Annotated[
        ControllerUrl | None,
        Meta(
            description="Address of the controller for `pipelines jenkins`; else the one that `up` makes on "
            "this host.",
            examples=["https://ci.example.org/jenkins"],
        ),
    ] = None
    public_url: Annotated[
        ControllerUrl | None,
        Meta(
            description="Address under which people and GitHub reach it; else `url`.",
            examples=["https://ci.example.org/"],
        ),
    ] = None
    user: Annotated[Word, Meta(description="User that `up` makes, and as whom the client asks.")] = "admin"
    token: Annotated[
        SecretText | None,
        Meta(
            description="API token of `user`, as a reference; else `password` is used.",
            examples=["${env:JENKINS_TOKEN}"],
        ),
    ] = None
    password: Annotated[
        SecretText | None,
        Meta(
            description="Password of `user`, as a reference; `up` needs it.",
            examples=["${env:JENKINS_PASSWORD}"],
        ),
    ] = None
    repository: Annotated[
        Word | None,
        Meta(
            description="Git address that the jobs build; `up` and `run` do without.",
            examples=["https://github.com/example/shop.git"],
        ),
    ] = None
    branch: Annotated[Word, Meta(description="Branch that the jobs build.")] = "main"
    github_token: Annotated[
        SecretText | None,
        Meta(
            description="Token of GitHub, as a reference: for a private repository, and to make the webhook.",
            examples=["${env:GITHUB_TOKEN}"],
        ),
    ] = None
    github_api: Annotated[
        ControllerUrl, Meta(description="Address of GitHub's API, for an own GitHub server.")
    ] = "https://api.github.com"
    webhook_secret: Annotated[
        SecretText | None,
        Meta(
            description="Secret that GitHub signs its deliveries with, as a reference; others are then "
            "refused.",
            examples=["${env:WEBHOOK_SECRET}"],
        ),
    ] = None
    credentials: Annotated[
        Variables,
        Meta(
            description="Secrets for the pipelines, as references: each becomes a credential of kind secret "
            "text whose id is the key.",
            examples=[{"gemini-api-key": "${env:GEMINI_API_KEY}"}],
        ),
    ] = {}
    env: Annotated[
        dict[VariableName, Text],
        Meta(
            description="Further environment variables of the controller, and so of every build; no secrets.",
            examples=[{"AWS_REGION": "ap-northeast-2"}],
        ),
    ] = {}
    base: Annotated[Word, Meta(description="Controller image that ours is built on.")] = (
        "jenkins/jenkins:2.568.2-jdk21"
    )
    node: Annotated[Word, Meta(description="Image that Node and npm are taken from.")] = (
        "node:20.20.2-bookworm-slim"
    )
    aws: Annotated[Word, Meta(description="Image that AWS CLI v2 is taken from.")] = "amazon/aws-cli:2.31.38"
    docker: Annotated[Word, Meta(description="Image that Docker's client is taken from.")] = (
        "docker:28.5.2-cli"
    )
    wheels: Annotated[
        Path | None,
        Meta(
            description="Folder of Python packages to build with, relative to the config's own folder; else "
            "the build asks a package index.",
            examples=["build/wheels-jenkins"],
        ),
    ] = None
    address: Annotated[
        Address,
        Meta(
            description="Address on which the host serves the controller and its accessories: an admin's "
            "way in, never 0.0.0.0 without a firewall."
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port on which the host serves the controller.")] = 9090
    executors: Annotated[
        Annotated[int, Meta(ge=1, le=2)],
        Meta(description="Builds at once; a small host bears one.", extra={"unit": "builds"}),
    ] = 1
    heap: Annotated[
        Annotated[Size, Meta(ge=256 * 1024**2)] | None,
        Meta(
            description="Largest heap of the controller; else a quarter of the host's memory, 384m to 1g.",
            examples=["512m"],
        ),
    ] = None
    socket_group: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="Group id of the engine's socket on its host; else read from the local socket.",
            extra={"unit": "group id"},
            examples=[998],
        ),
    ] = None

    portainer: Annotated[
        Portainer, Meta(description="A page over the engine's containers, beside the controller.")
    ] = Portainer()

    @property
    def address_of_controller(self) -> str:
        """Where a client on this host reaches it, without a slash at the end."""
        address = "127.0.0.1" if self.address == "0.0.0.0" else self.address
        return (self.url or f"http://{address}:{self.port}").rstrip("/")
