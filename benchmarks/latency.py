"""A line to a server that takes its time: whatever a client sends arrives later."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """A port of this machine that leads to another one, each piece of a request held back for so long.

    Answers come back at once, so that a request takes `seconds` longer, as over a line of that round trip.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="latency", daemon=True)
    thread.start()
    try:
        made = asyncio.run_coroutine_threadsafe(_listen(loop, port, seconds), loop)
        server = made.result(timeout=10)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            loop.call_soon_threadsafe(server.close)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(loop: asyncio.AbstractEventLoop, port: int, seconds: float) -> asyncio.Server:
    return await loop.create_server(lambda: _Client(loop, port, seconds), "127.0.0.1", 0, backlog=1024)


class _Client(asyncio.Protocol):
    """A client's connection; what comes before the server is reached waits, as everything does."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int, seconds: float) -> None:
        self._loop = loop
        self._port = port
        self._seconds = seconds
        self._server: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opening = self._loop.create_task(self._open())

    def data_received(self, data: bytes) -> None:
        self._loop.call_later(self._seconds, self._pass, data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._loop.call_later(self._seconds, self._end)

    async def _open(self) -> None:
        try:
            transport, _ = await self._loop.create_connection(
                lambda: _Server(self._transport), "127.0.0.1", self._port
            )
        except OSError:
            self._transport.abort()
            return
        self._server = transport
        for data in self._early:
            transport.write(data)

    def _pass(self, data: bytes) -> None:
        if self._server is None:
            self._early.append(data)
        else:
            self._server.write(data)

    def _end(self) -> None:
        self._opening.cancel()
        if self._server is not None:
            self._server.close()


class _Server(asyncio.Protocol):
    """The other side: what it says goes back at once."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._client.close()
