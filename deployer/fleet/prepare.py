"""An empty host, made ready: a script over SSH, which says first what it would change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

from msgspec import Struct, field

from deployer.config.schema import Config
from deployer.config.sections.hosts import Machine
from deployer.edge.network import POOL
from deployer.errors import HostError, HostForbidden
from deployer.events import Emit, Note, PhaseProgress, Warned
from deployer.fleet.inventory import target
from deployer.host.ssh import Connection, Jumps
from deployer.render import render

_NO_SUDO = 1


class Preparation(Struct):
    """What was, or would be, changed on a host by a script that says `ok`, `change` and `warn`.

    :param changes: a line each, with the difference of a file below it, indented.
    :param warnings: what a person should look at.
    """

    host: str
    changes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    kept: int = 0

    def as_dict(self) -> dict[str, object]:
        return {"host": self.host, "changes": self.changes, "warnings": self.warnings, "kept": self.kept}


def script(config: Config, host: Machine | None = None) -> str:
    """The script that prepares a host; the same text is the user-data of a new machine.

    :param host: None: a machine that does not exist yet.
    """
    ssh = (host.port if host else None) or config.ssh.port
    ports = {ssh, config.edge.port, *config.prepare.ports}
    if config.edge.tls:
        ports.add(config.edge.tls.port)
    return render(
        "host/prepare.sh.j2",
        user=config.prepare.user,
        keys=config.prepare.keys,
        swap=config.prepare.swap,
        disk_free=config.rollout.disk_free,
        packages=config.prepare.packages,
        firewall=config.prepare.firewall,
        ports=sorted(ports),
        without_metadata=[] if config.prepare.metadata else _networks_of_releases(config),
        log_max_size=config.service.log_max_size,
        log_max_files=config.service.log_max_files,
    )


def _networks_of_releases(config: Config) -> list[str]:
    own = config.edge.subnet
    return [str(POOL), *([own] if own and not IPv4Network(own).subnet_of(POOL) else [])]


def prepare(
    config: Config,
    host: Machine,
    emit: Emit,
    environ: Mapping[str, str],
    *,
    plan: bool,
    jumps: Jumps | None = None,
) -> Preparation:
    """Make a host ready, or only say what that would change.

    :param jumps: what jump hosts are reached by, with others that are made ready; None: each by its own.
    :raises HostForbidden: the user over there may not become root.
    :raises HostError: a step failed; the details are what it said.
    """
    done = Preparation(host.name)
    aim = target(config, host)
    with Connection(aim, environ, jumps) as connection:
        _check_sudo(connection)
        words = f"LOGIN={aim.login} GUARD=1{' PLAN=1' if plan else ''} sh -s"
        said: list[str] = []
        for line in _lines(connection, words, script(config, host)):
            said.append(line)
            take(done, line, emit)
        code = int(said.pop()) if said else 1
    if code != 0:
        raise HostError(
            f"preparing {host.name} failed after {len(done.changes)} change(s)",
            remedy="mend what the last lines say, and run it again: what is done is left alone",
            details=said[-20:],
        )
    if not plan and config.prepare.firewall:
        _confirm_firewall(config, host, environ, jumps)
    return done


def _check_sudo(connection: Connection) -> None:
    asked = connection.run("true", root=True)
    if asked.code != 0:
        login = connection.target.login
        raise HostForbidden(
            f"{connection.target.name}: {login} may not become root there without a password",
            remedy="prepare it as a user who may (`user:` of the host, say ec2-user or admin), "
            f"or let {login}: `echo '{login} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{login}`",
            details=asked.errors.strip().splitlines()[-2:],
        )


def _confirm_firewall(config: Config, host: Machine, environ: Mapping[str, str], jumps: Jumps | None) -> None:
    """A new connection is the proof that nobody is locked out; without it the firewall takes itself back."""
    with Connection(target(config, host), environ, jumps) as again:
        again.run("touch /run/deployer-firewall.ok", root=True)


def _lines(connection: Connection, command: str, given: str) -> Iterator[str]:
    """What a script prints, line by line, and last its exit code."""
    partial = b""
    for piece in connection.follow(command, given=given.encode(), root=True):
        if isinstance(piece, int):
            if partial:
                yield partial.decode("utf-8", "replace")
            yield str(piece)
            return
        *lines, partial = (partial + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")


def take(done: Preparation, line: str, emit: Emit) -> None:
    """Note one line of such a script: `ok WHAT`, `change WHAT`, `warn WHAT`, or a difference below these."""
    word, _, rest = line.partition(" ")
    if word == "ok":
        done.kept += 1
        emit(PhaseProgress("prepare", rest))
    elif word == "change":
        done.changes.append(rest)
        emit(Note(rest))
    elif word == "warn":
        done.warnings.append(rest)
        emit(Warned(rest))
    elif line.startswith("  ") and done.changes:
        done.changes[-1] += f"\n{line}"
        emit(Note(line))
