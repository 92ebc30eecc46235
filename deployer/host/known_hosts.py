"""The keys by which hosts are known: read from known_hosts, never accepted unseen, written by `trust`."""

from __future__ import annotations

import base64
import hashlib
import shlex
from pathlib import Path
from typing import Any

from msgspec import Struct

from deployer.errors import HostError, HostKeyChanged, HostKeyUnknown
from deployer.host.target import Target

SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


class HostKey(Struct, frozen=True):
    """A key that a host shows. `line` is its line in known_hosts."""

    kind: str
    fingerprint: str
    line: str


def is_trusted(target: Target, key: HostKey) -> bool:
    """Whether known_hosts has this very key.

    :raises HostKeyChanged: it has another one of the same kind.
    """
    import paramiko

    keys = paramiko.HostKeys()
    load_known(target, keys)
    known = keys.lookup(target.entry)
    held = known.get(key.kind) if known else None
    if held is None:
        return False
    if fingerprint(held.asbytes()) != key.fingerprint:
        raise changed(target, fingerprint(held.asbytes()), key.fingerprint)
    return True


def trust(target: Target, key: HostKey) -> Path:
    """Write a host's key into known_hosts, after a person has compared it; the file."""
    path = target.known_hosts_file
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if before and not before.endswith("\n") else "") + key.line + "\n")
    return path


def fingerprint(blob: bytes) -> str:
    """A key's fingerprint as `ssh` shows it: SHA256:..."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def described(target: Target, key: Any) -> HostKey:
    """The key that a host shows, as paramiko has it, for known_hosts and for people."""
    line = f"{target.entry} {key.get_name()} {key.get_base64()}"
    return HostKey(key.get_name(), fingerprint(key.asbytes()), line)


def load_known(target: Target, keys: Any) -> None:
    """Read into paramiko's `HostKeys` what the system's file and the target's own know.

    :raises HostError: one of them cannot be read.
    """
    import paramiko

    for path in (SYSTEM_KNOWN_HOSTS, target.known_hosts_file):
        if path.exists():
            try:
                keys.load(str(path))
            except (OSError, paramiko.SSHException) as error:
                raise HostError(
                    f"{path} cannot be read ({error})", remedy="mend it, or name another in ssh.known_hosts"
                ) from error


def changed(target: Target, expected: str, shown: str) -> HostKeyChanged:
    """The error of a host that shows another key than it should; both as fingerprints."""
    path = _file_of(target, expected)
    forget = f"ssh-keygen -R {shlex.quote(target.entry)} -f {shlex.quote(str(path))}"
    return HostKeyChanged(
        f"{target.name}: {target.entry} shows another key than {path} knows: {shown} instead of {expected}",
        remedy=f"if the host was made anew: `{'sudo ' if path == SYSTEM_KNOWN_HOSTS else ''}{forget}`, then "
        f"`deployer host trust --host {target.host or target.name}`; "
        "if not, somebody else answers in its place",
    )


def _file_of(target: Target, expected: str) -> Path:
    """The file with that key of a host: the system's, or the target's own."""
    import paramiko

    if SYSTEM_KNOWN_HOSTS.exists():
        known = paramiko.HostKeys(str(SYSTEM_KNOWN_HOSTS)).lookup(target.entry)
        if known and expected in [fingerprint(key.asbytes()) for key in known.values()]:
            return SYSTEM_KNOWN_HOSTS
    return target.known_hosts_file


def unknown(target: Target, key: HostKey) -> HostKeyUnknown:
    """The error of a host that known_hosts does not know, with the key that it shows."""
    return HostKeyUnknown(
        f"{target.name}: the key of {target.entry} is not in {target.known_hosts_file}; it shows "
        f"{key.kind} {key.fingerprint}",
        remedy="compare that with what the host says itself, then "
        f"`deployer host trust --host {target.host or target.name}`",
    )


class Refusing:
    """Whom known_hosts does not know is not believed."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def missing_host_key(self, _client: object, _hostname: str, key: Any) -> None:
        raise unknown(self.target, described(self.target, key))
