"""The network between a service and its MariaDB, which a test may cut.

    with Relay(server.port) as relay:
        relay.cut(3, "before")     the third COMMIT of changes from here on never arrives
        relay.cut(3, "after")      it is done, and the service never hears of it

These are all the points that differ: what is cut off earlier was never done, and what is only read may be
read again. Both ends find their connections closed; new ones are let through, as after a switch restarted.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType
from typing import Literal, Self

When = Literal["before", "after"]

QUERY = 0x03  # a message's fifth byte, after its length and number, where a statement follows
CHANGES = (b"INSERT", b"UPDATE", b"DELETE")


class Relay:
    """Lets everything through, but for the one COMMIT that it is told to cut at."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._left: int | None = None
        self._when: When = "before"
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="relay", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()

    def cut(self, number: int, when: When) -> None:
        """Cut at the `number`-th COMMIT from now on, counted from 1."""
        with self._lock:
            self._left, self._when = number, when

    def heal(self) -> bool:
        """Cut no more; whether it was cut since it was told to."""
        with self._lock:
            done, self._left = self._left == 0, None
        return done

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), name="relay", daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._to) as server:
            with self._lock:
                self._open |= {client, server}
            try:
                self._exchange(client, server)
            finally:
                with self._lock:
                    self._open -= {client, server}

    def _exchange(self, client: socket.socket, server: socket.socket) -> None:
        changed = False
        while True:
            ready, _, _ = select.select([client, server], [], [])
            if server in ready:
                if not (answer := server.recv(65536)):
                    return
                client.sendall(answer)
                continue
            if not (message := client.recv(65536)):
                return
            statement = message[5:].lstrip().upper() if message[4:5] == bytes([QUERY]) else b""
            if changed and statement == b"COMMIT" and self._is_the_one():
                if self._when == "after":
                    server.sendall(message)
                    server.recv(65536)
                self._hang_up()
                return
            if statement in (b"COMMIT", b"ROLLBACK"):
                changed = False
            changed = changed or statement.startswith(CHANGES)
            server.sendall(message)

    def _is_the_one(self) -> bool:
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            return self._left == 0

    def _hang_up(self) -> None:
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
