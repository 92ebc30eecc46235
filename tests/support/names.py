"""Names and ports that no other test has, in this process or another.

Every name carries the process id of the test session, so that a later session can tell what a killed one
left: `t<pid in hex>-<6 hex digits>`. The processes must share the engine's machine, and its process ids.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import secrets
import socket
import tempfile
from pathlib import Path

NAME = re.compile(r"^/?t([0-9a-f]+)-[0-9a-f]{6}(?![0-9a-f])")

# Below the kernel's ephemeral range (from 32768), or a client's outgoing connection may take the port
# between the moment it is found free and the moment the edge binds it.
PORTS = range(21000, 32000)


def service_name() -> str:
    """A service name (18 characters at most) that also fits every container, network and volume of it."""
    return f"t{os.getpid():x}-{secrets.token_hex(3)}"


def owner(name: str) -> int | None:
    """The process id of the test session that made the name; None where it is not one of ours."""
    found = NAME.match(name)
    return int(found[1], 16) if found else None


def abandoned(name: str) -> bool:
    """The name is a test's, and its process is gone."""
    pid = owner(name)
    return pid is not None and not Path(f"/proc/{pid}").exists()


def free_port() -> int:
    """A TCP port free on all addresses, reserved against other tests for as long as this process lives."""
    folder = Path(tempfile.gettempdir()) / "deployer-test-ports"
    folder.mkdir(exist_ok=True)
    for port in random.sample(PORTS, len(PORTS)):
        reservation = os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(reservation, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("", port))
        except OSError:
            os.close(reservation)
            continue
        return port  # the reservation stays open, and locked, until this process ends
    raise RuntimeError(f"no free port from {PORTS.start} to {PORTS.stop - 1}")
