"""Many hosts out of one engine: a Unix socket for each, behind which a service has another name and port.

A host of a fleet has a service of the same name as all the others, on the same port; one engine cannot have
two of them. So what passes a host's socket is rewritten on the way: the name and the port that the deployer
says become that host's own, and on the way back what they were. Both are as long as what they replace, so no
length that stands anywhere needs to be changed.

    with Namesakes(folder, service="t1a2b-0123ff", port=28000, count=50) as hosts: ...    folder/01.sock, ...

What is behind the sockets is real: engine, edges, containers. What is simulated is that they are 50 machines.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

Value = TypeVar("Value")
ENGINE = "/var/run/docker.sock"
_PIECE = 65536


class Namesakes:
    """See above.

    :param service: ends with two digits, which become the number of the host.
    :param port: of five digits, the last two of which become it as well.
    """

    def __init__(self, folder: Path, *, service: str, port: int, count: int) -> None:
        assert count < 100
        assert service.endswith("00")
        assert port % 100 == 0
        self.folder = folder
        self.numbers = range(1, count + 1)
        self._said = (service.encode(), str(port).encode())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="namesakes", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._carrying: set[asyncio.Task[None]] = set()

    def service(self, number: int) -> str:
        """What the service of a host is really called."""
        return self._own(self._said[0], number).decode()

    def __enter__(self) -> Self:
        self._thread.start()
        for number in self.numbers:
            path = self.folder / f"{number:02d}.sock"
            self._servers.append(self._do(self._listen(path, number)))
            path.chmod(0o666)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    @staticmethod
    def _own(said: bytes, number: int) -> bytes:
        return said[:-2] + b"%02d" % number

    async def _listen(self, path: Path, number: int) -> asyncio.Server:
        there = [(said, self._own(said, number)) for said in self._said]
        back = [(own, said) for said, own in there]

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._carrying.add(task)
            ways: list[asyncio.Future[None]] = []
            try:
                far_reader, far_writer = await asyncio.open_unix_connection(ENGINE)
                ways += [
                    asyncio.ensure_future(rewrite(reader, far_writer, there)),
                    asyncio.ensure_future(rewrite(far_reader, writer, back)),
                ]
                await asyncio.gather(*ways, return_exceptions=True)
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                writer.close()
                self._carrying.discard(task)

        return await asyncio.start_unix_server(carry, str(path))


async def rewrite(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, pairs: list[tuple[bytes, bytes]]
) -> None:
    """Pass everything on with replacements; what may be the beginning of one waits for the rest of it."""
    kept = b""
    try:
        while piece := await source.read(_PIECE):
            text = kept + piece
            for old, new in pairs:
                text = text.replace(old, new)
            begun = max(unfinished(text, old) for old, _ in pairs)
            kept = text[len(text) - begun :]
            sink.write(text[: len(text) - begun])
            await sink.drain()
        sink.write(kept)
        if sink.can_write_eof():
            sink.write_eof()
    except OSError:
        sink.close()


def unfinished(text: bytes, word: bytes) -> int:
    """How many of the last bytes of a text may be the beginning of a word."""
    return next((size for size in range(len(word) - 1, 0, -1) if text.endswith(word[:size])), 0)
