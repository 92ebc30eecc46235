"""Where it runs: the engine here, or hosts over SSH."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from deployer.config.model import Checked, Section
from deployer.config.sections.kinds import (
    DockerAddress,
    Folder,
    HostAddress,
    Jump,
    Login,
    Name,
    PackageName,
    Port,
    Size,
    Text,
    Wait,
    repeated,
)


class Ssh(Section, frozen=True, kw_only=True):
    """How `hosts` are reached."""

    user: Annotated[
        Login | None,
        Meta(description="User to log in as; else the one who runs the deployer.", examples=["deploy"]),
    ] = None
    port: Annotated[Port, Meta(description="Port of their SSH servers.")] = 22
    key: Annotated[
        Path | None,
        Meta(
            description="Private key, relative to the config's folder; else those of the agent and of "
            "~/.ssh.",
            examples=["~/.ssh/deploy_ed25519"],
        ),
    ] = None
    known_hosts: Annotated[
        Path | None,
        Meta(
            description="File with the hosts' own keys, relative to the config's; else ~/.ssh/known_hosts.",
            examples=["known_hosts"],
        ),
    ] = None
    jump: Annotated[
        Jump | None,
        Meta(
            description="Host that all connections go through, user@host:port.",
            examples=["admin@bastion.example.org"],
        ),
    ] = None
    timeout: Annotated[
        Wait, Meta(description="Time that connecting may take, and that a host may be silent.")
    ] = 10.0


class Machine(Section, frozen=True, kw_only=True):
    """A host reached over SSH; what it does not say is as `ssh` says."""

    name: Annotated[Name, Meta(description="What it is called here.", examples=["web1"])]
    address: Annotated[HostAddress, Meta(description="Its DNS name or address.", examples=["10.0.0.11"])]
    user: Annotated[
        Login | None, Meta(description="User to log in as; else `ssh.user`.", examples=["deploy"])
    ] = None
    port: Annotated[
        Port | None, Meta(description="Port of its SSH server; else `ssh.port`.", examples=[22])
    ] = None
    key: Annotated[
        Path | None, Meta(description="Private key; else `ssh.key`.", examples=["~/.ssh/web1_ed25519"])
    ] = None
    jump: Annotated[
        Jump | None,
        Meta(description="Host to go through; else `ssh.jump`.", examples=["admin@bastion.example.org"]),
    ] = None
    docker: Annotated[Folder, Meta(description="Socket of its Docker engine, a path over there.")] = (
        "/var/run/docker.sock"
    )


class Prepare(Section, frozen=True, kw_only=True):
    """What `deployer host prepare` makes of a host."""

    user: Annotated[Login, Meta(description="User that deploys: may use Docker, and nothing else.")] = (
        "deploy"
    )
    keys: Annotated[
        list[Text],
        Meta(
            description="Public keys that may log in as that user; else those of whoever prepares the host.",
            examples=[["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... jenkins"]],
        ),
    ] = []
    swap: Annotated[Size, Meta(description="Swap that the host has at least; 0 for none.")] = 2 * 1024**3
    packages: Annotated[
        list[PackageName],
        Meta(
            description="Further packages, by the names that the host's distribution has for them.",
            examples=[["git", "python3.11"]],
        ),
    ] = []
    firewall: Annotated[
        bool,
        Meta(
            description="Close all ports that the host itself listens on, but SSH's, the edge's and `ports`."
        ),
    ] = True
    metadata: Annotated[
        bool, Meta(description="Let releases ask the instance's metadata, and so have the keys of its role.")
    ] = False
    ports: Annotated[
        list[Port],
        Meta(
            description="Further ports that stay open. Those that containers publish are open in any case.",
            examples=[[9100]],
        ),
    ] = []


def _differ(hosts: list[Machine]) -> None:
    for _, complaint in repeated("", [host.name for host in hosts], "two hosts are named"):
        raise ValueError(complaint)


Machines = Annotated[list[Machine], Checked(_differ)]


class Host(Section, frozen=True, kw_only=True):
    """The Docker engine everything runs on."""

    docker: Annotated[
        DockerAddress | None,
        Meta(
            description="Address of the engine, unix:///path or tcp://host:port; else DOCKER_HOST, else the "
            "local socket.",
            examples=["unix:///var/run/docker.sock"],
        ),
    ] = None
