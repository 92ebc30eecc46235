"""One shell that stays open inside a container.

Opening an exec costs the engine about 60 ms; a command in an open one costs the fork of what it runs.
A rollout asks the edge dozens of things, so it opens one shell and keeps it. When the deployer dies,
the shell reads the end of its input and goes with it.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from typing import TYPE_CHECKING, Any

from deployer.errors import EngineUnreachable
from deployer.host.framed import HEADER
from deployer.interrupts import checkpoint

if TYPE_CHECKING:
    from deployer.host.engine import Engine


class ShellError(EngineUnreachable):
    """The shell, its container or the engine went away in the middle of a command."""


class Shell:
    """`bash` in a running container; opened at the first command, and again after a break.

    :param container: name or id.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self.container = container
        self._engine = engine
        self._stream: Any = None
        self._socket: socket.socket | None = None
        self._buffer = bytearray()

    def open(self) -> None:
        """Let the shell come up while its owner does something else; the first command waits for it.

        :raises EngineError: the container does not run.
        """
        self._open()

    def run(self, script: str, *, timeout: float = 30.0) -> tuple[int, str]:
        """Run a script; its exit code and what it printed (both streams).

        :param timeout: seconds until the shell is given up.
        :raises ShellError: the connection broke, or the script took longer than `timeout`.
        """
        checkpoint()
        end = f"--{secrets.token_hex(8)}--"
        # The braces keep the script's own exit code; stdin is closed to it, or it would eat our next one.
        text = f"{{\n{script}\n}} </dev/null 2>&1; printf '\\n%s %d\\n' '{end}' $?\n"
        finished = False
        try:
            stream = self._open()
            stream.settimeout(timeout)
            stream.sendall(text.encode())
            code, output = self._answer(stream, f"\n{end} ".encode())
            finished = True
            return code, output
        except (OSError, ValueError) as error:
            raise ShellError(
                f"the shell in container {self.container} broke off ({error or type(error).__name__})",
                remedy="look at `docker logs` of that container; `deployer recover` brings the service back",
            ) from error
        finally:
            if not finished:
                # Also when a signal took us out: the rest of this answer must not be read as the next one's.
                self.close()

    def close(self) -> None:
        """End the shell; the next command opens a new one."""
        for end in (self._socket, self._stream):
            with contextlib.suppress(OSError):
                if end is not None:
                    end.close()
        self._socket = self._stream = None
        self._buffer.clear()

    def _open(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        self._stream = self._engine.exec_socket(self.container, ["bash", "--noprofile", "--norc"])
        opened: socket.socket = getattr(self._stream, "_sock", self._stream)
        self._socket = opened
        return opened

    def _answer(self, stream: socket.socket, marker: bytes) -> tuple[int, str]:
        output = bytearray()
        while True:
            at = output.find(marker)
            if at >= 0 and output.endswith(b"\n"):
                return int(output[at + len(marker) :]), output[:at].decode("utf-8", "replace")
            _, length = HEADER.unpack(self._exactly(stream, HEADER.size))
            output += self._exactly(stream, length)

    def _exactly(self, stream: socket.socket, count: int) -> bytes:
        while len(self._buffer) < count:
            piece = stream.recv(65536)
            if not piece:
                raise OSError("end of stream")
            self._buffer += piece
        result = bytes(self._buffer[:count])
        del self._buffer[:count]
        return result
