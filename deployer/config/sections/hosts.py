"""Where it runs: the engine here, or hosts over SSH."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from deployer.config.sections.kinds import (
    DockerAddress,
    Folder,
    HostAddress,
    Jump,
    Login,
    Name,
    PackageName,
    Port,
    Section,
    Size,
    Text,
    Wait,
    all_differ,
)


class Ssh(Section):
    """How `hosts` are reached."""

    user: Login | None = Field(
        default=None,
        description="User to log in as; else the one who runs the deployer.",
        examples=["deploy"],
    )
    port: Port = Field(default=22, description="Port of their SSH servers.")
    key: Path | None = Field(
        default=None,
        description="Private key, relative to the config's folder; else those of the agent and of ~/.ssh.",
        examples=["~/.ssh/deploy_ed25519"],
    )
    known_hosts: Path | None = Field(
        default=None,
        description="File with the hosts' own keys, relative to the config's; else ~/.ssh/known_hosts.",
        examples=["known_hosts"],
    )
    jump: Jump | None = Field(
        default=None,
        description="Host that all connections go through, user@host:port.",
        examples=["admin@bastion.example.org"],
    )
    timeout: Wait = Field(
        default=10.0, description="Time that connecting may take, and that a host may be silent."
    )


class Machine(Section):
    """A host reached over SSH; what it does not say is as `ssh` says."""

    name: Name = Field(description="What it is called here.", examples=["web1"])
    address: HostAddress = Field(description="Its DNS name or address.", examples=["10.0.0.11"])
    user: Login | None = Field(
        default=None, description="User to log in as; else `ssh.user`.", examples=["deploy"]
    )
    port: Port | None = Field(
        default=None, description="Port of its SSH server; else `ssh.port`.", examples=[22]
    )
    key: Path | None = Field(
        default=None, description="Private key; else `ssh.key`.", examples=["~/.ssh/web1_ed25519"]
    )
    jump: Jump | None = Field(
        default=None,
        description="Host to go through; else `ssh.jump`.",
        examples=["admin@bastion.example.org"],
    )
    docker: Folder = Field(
        default="/var/run/docker.sock", description="Socket of its Docker engine, a path over there."
    )


class Prepare(Section):
    """What `deployer host prepare` makes of a host."""

    user: Login = Field(default="deploy", description="User that deploys: may use Docker, and nothing else.")
    keys: list[Text] = Field(
        default_factory=list,
        description="Public keys that may log in as that user; else those of whoever prepares the host.",
        examples=[["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... jenkins"]],
    )
    swap: Size = Field(default=2 * 1024**3, description="Swap that the host has at least; 0 for none.")
    packages: list[PackageName] = Field(
        default_factory=list,
        description="Further packages, by the names that the host's distribution has for them.",
        examples=[["git", "python3.11"]],
    )
    firewall: bool = Field(
        default=True,
        description="Close all ports that the host itself listens on, but SSH's, the edge's and `ports`.",
    )
    metadata: bool = Field(
        default=False,
        description="Let releases ask the instance's metadata, and so have the keys of its role.",
    )
    ports: list[Port] = Field(
        default_factory=list,
        description="Further ports that stay open. Those that containers publish are open in any case.",
        examples=[[9100]],
    )


def _differ(hosts: list[Machine]) -> list[Machine]:
    all_differ([host.name for host in hosts], "two hosts are named")
    return hosts


Machines = Annotated[list[Machine], AfterValidator(_differ)]


class Host(Section):
    """The Docker engine everything runs on."""

    docker: DockerAddress | None = Field(
        default=None,
        description="Address of the engine, unix:///path or tcp://host:port; else DOCKER_HOST, else the "
        "local socket.",
        examples=["unix:///var/run/docker.sock"],
    )
