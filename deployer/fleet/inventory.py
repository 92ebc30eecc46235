"""The hosts of a config: which are meant, and how each is reached."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.sections.hosts import Machine
from deployer.errors import UsageError
from deployer.events import Emit
from deployer.host.target import Target


class Fleet(Struct, frozen=True):
    """The hosts that a command is about, and on whose behalf.

    :param lock_wait: seconds to wait while somebody else is at it; None: `rollout.lock_wait`.
    """

    config: Config
    hosts: Sequence[Machine]
    emit: Emit
    environ: Mapping[str, str]
    lock_wait: float | None = None

    @property
    def wait(self) -> float:
        """Seconds to wait for a lock."""
        return self.config.rollout.lock_wait if self.lock_wait is None else self.lock_wait


def chosen(config: Config, names: Sequence[str] = ()) -> list[Machine]:
    """The hosts of these names, in the config's order; all where none is named.

    :param names: as `--host` has them: names, or several with commas between.
    :raises UsageError: the config has no such host, or no hosts at all.
    """
    if not config.hosts:
        raise UsageError(
            "the config names no hosts", remedy="add `hosts:` with a name and an address each; docs/hosts.md"
        )
    known = [host.name for host in config.hosts]
    wanted = [name.strip() for given in names for name in given.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"there is no host '{name}'"
                + (f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}")
            )
    return [host for host in config.hosts if not wanted or host.name in wanted]


def target(config: Config, host: Machine) -> Target:
    """How a host is reached."""
    ssh = config.ssh
    jump = host.jump or ssh.jump
    key = _file(config, host.key or ssh.key)
    known = _file(config, ssh.known_hosts)
    through = None
    if jump:
        user, _, place = jump.rpartition("@")
        address, _, port = place.partition(":")
        through = Target(
            f"{host.name}'s jump host",
            address,
            int(port or 22),
            user or host.user or ssh.user,
            key,
            known,
            timeout=ssh.timeout,
            host=host.name,
        )
    return Target(
        host.name,
        host.address,
        host.port or ssh.port,
        host.user or ssh.user,
        key,
        known,
        through,
        ssh.timeout,
    )


def batches(hosts: Sequence[Machine], batch: str) -> Iterator[list[Machine]]:
    """The hosts in the groups that change at the same time.

    :param batch: a number of hosts, or a share of all of them such as 50%, which is rounded up.
    """
    size = -(-len(hosts) * int(batch[:-1]) // 100) if batch.endswith("%") else int(batch)
    for start in range(0, len(hosts), size):
        yield list(hosts[start : start + size])


def _file(config: Config, path: Path | None) -> Path | None:
    if path is None:
        return None
    return config.root / path.expanduser()
