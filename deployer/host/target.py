"""Where a host is, and how one gets in."""

from __future__ import annotations

import getpass
from pathlib import Path

from msgspec import Struct


class Target(Struct, frozen=True):
    """Where a host is, and how one gets in.

    :param name: what people call it.
    :param user: None: the one who runs the deployer.
    :param key: a private key's file; None: the agent's keys, then those of ~/.ssh.
    :param known_hosts: the file that says which keys hosts have; None: ~/.ssh/known_hosts.
    :param jump: the host that the connection goes through.
    :param host: the config's host on whose way it is; None: it is that host itself.
    :param timeout: seconds that connecting may take, and that the host may be silent after that.
    """

    name: str
    address: str
    port: int = 22
    user: str | None = None
    key: Path | None = None
    known_hosts: Path | None = None
    jump: Target | None = None
    timeout: float = 10.0
    host: str | None = None

    @property
    def login(self) -> str:
        """The user to log in as."""
        return self.user or getpass.getuser()

    @property
    def url(self) -> str:
        """`ssh://user@address`, with the port where it is not 22."""
        port = "" if self.port == 22 else f":{self.port}"
        return f"ssh://{self.login}@{self.address}{port}"

    @property
    def entry(self) -> str:
        """What known_hosts calls it."""
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"

    @property
    def known_hosts_file(self) -> Path:
        """The known_hosts file that is read, and written by `trust`."""
        return self.known_hosts or Path("~/.ssh/known_hosts").expanduser()
