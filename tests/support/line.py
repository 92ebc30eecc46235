"""A line to a server, which a test may make slow, or cut: a relay of TCP that understands nothing of it.

    with Line(host.address, 22, delay=0.05) as line:      50 ms each way
        line.port                                         where it is, on 127.0.0.1
        line.cut()                                        nobody gets through, whoever was is hung up on
        line.mend()                                       as it was

    with line.on_command(path): ...                       a word that is written to that Unix socket does it:
                                                          cut; or mute, so that the next request arrives,
                                                          no answer comes back, and then it is cut

Counts the bytes that went there (`sent`). It runs in one thread, whatever the number of its connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

Value = TypeVar("Value")
_PIECE = 65536


class Line:
    """See above."""

    def __init__(self, address: str, port: int, *, delay: float = 0.0) -> None:
        self.delay = delay
        self.sent = 0
        self.port = 0
        self._to = (address, port)
        self._down = self._mute = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Hang up on everybody, and let nobody through."""
        self._down = True
        self._do(self._hang_up())

    def mend(self) -> None:
        """Let everybody through again."""
        self._down = self._mute = False

    @contextlib.contextmanager
    def on_command(self, path: Path) -> Iterator[None]:
        """Within: the first line that is written to a Unix socket is obeyed, and answered when it is done."""

        async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            word = (await reader.readline()).strip()
            if word == b"mute":
                # The answer goes at once: the request whose answer is to be lost is still to come.
                self._mute = True
                self._loop.call_later(0.5, lambda: asyncio.ensure_future(self._cut()))
            else:
                await self._cut()
            writer.write(b"done\n")
            writer.close()

        server = self._do(asyncio.start_unix_server(obey, str(path)))
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(server.close)
            path.unlink(missing_ok=True)

    def _do(self, work: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _cut(self) -> None:
        self._down = True
        await self._hang_up()

    async def _hang_up(self) -> None:
        for end in list(self._ends):
            end.transport.abort()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._hang_up()
        for task in list(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            if self._down:
                return
            far_reader, far_writer = await asyncio.open_connection(*self._to)
            self._ends |= {writer, far_writer}
            running: list[asyncio.Future[None]] = []
            try:
                ways = (self._way(reader, far_writer, there=True), self._way(far_reader, writer, there=False))
                # One end closed both: SSH does not close by halves.
                running = [asyncio.ensure_future(way) for way in ways]
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in running:
                    way.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                self._ends -= {writer, far_writer}
                far_writer.close()
        except (OSError, asyncio.CancelledError):
            pass  # nobody listens there, or the test is over
        finally:
            writer.close()
            self._carrying.discard(task)

    async def _way(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, there: bool) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

        async def read() -> None:
            while piece := await source.read(_PIECE):
                await pieces.put((self._loop.time() + self.delay, piece))
            await pieces.put((self._loop.time() + self.delay, b""))

        reading = asyncio.ensure_future(read())
        try:
            while True:
                due, piece = await pieces.get()
                if due > self._loop.time():
                    await asyncio.sleep(due - self._loop.time())
                if not piece:
                    return
                if there:
                    self.sent += len(piece)
                elif self._mute:
                    continue
                sink.write(piece)
                await sink.drain()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
