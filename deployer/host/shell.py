"""One shell that stays open inside a container.

Opening an exec costs the engine about 60 ms; a command in an open one costs the fork of what it runs.
A rollout asks the edge dozens of things, so it opens one shell and keeps it. When the deployer dies,
the shell reads the end of its input and goes with it.
"""

from __future__ import annotations

import secrets
import socket
import struct
from typing import TYPE_CHECKING, Any

from deployer.errors import EngineUnreachable

if TYPE_CHECKING:
    from deployer.host.engine import Engine

_HEADER = struct.Struct(">BxxxL")
"""The engine frames the two output streams of an exec: stream number, three zero bytes, length."""


class ShellError(EngineUnreachable):
    """The shell, its container or the engine went away in the middle of a command."""


class Shell:
    """`bash` in a running container.

    :param container: name or id.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self.container = container
        self._stream: Any = engine.exec_socket(container, ["bash", "--noprofile", "--norc"])
        self._socket: socket.socket = getattr(self._stream, "_sock", self._stream)
        self._buffer = bytearray()

    def run(self, script: str, *, timeout: float = 30.0) -> tuple[int, str]:
        """Run a script; its exit code and what it printed (both streams).

        :param timeout: seconds until the shell is given up.
        :raises ShellError: the connection broke, or the script took longer than `timeout`.
        """
        end = f"--{secrets.token_hex(8)}--"
        # The braces keep the script's own exit code; stdin is closed to it, or it would eat our next one.
        text = f"{{\n{script}\n}} </dev/null 2>&1; printf '\\n%s %d\\n' '{end}' $?\n"
        try:
            self._socket.settimeout(timeout)
            self._socket.sendall(text.encode())
            marker = f"\n{end} ".encode()
            output = bytearray()
            while True:
                at = output.find(marker)
                if at >= 0 and output.endswith(b"\n"):
                    return int(output[at + len(marker) :]), output[:at].decode("utf-8", "replace")
                output += self._frame()
        except (OSError, ValueError) as error:
            self.close()
            raise ShellError(
                f"the shell in container {self.container} broke off ({error or type(error).__name__})",
                remedy="look at `docker logs` of that container; `deployer recover` brings the service back",
            ) from error

    def close(self) -> None:
        """End the shell; a second time is fine."""
        try:
            self._socket.close()
            self._stream.close()
        except OSError:
            pass

    def _frame(self) -> bytes:
        _, length = _HEADER.unpack(self._exactly(_HEADER.size))
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            piece = self._socket.recv(65536)
            if not piece:
                raise OSError("end of stream")
            self._buffer += piece
        result = bytes(self._buffer[:count])
        del self._buffer[:count]
        return result
