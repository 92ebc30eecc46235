"""The clients: each sends one request at a time, and tells the tally how it went."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import Awaitable, Callable, Collection

from benchmarks.load.mix import Mix
from benchmarks.load.report import Report
from benchmarks.load.tally import Tally
from benchmarks.load.wire import CUT, TIMEOUT, WRONG, Answer, Failure, Target, Wire

STREAM_END = b"event: done"
UPLOAD_PIECES = 16
BACKOFF = 0.1  # seconds; what follows at once after an answer must not follow at once after a refusal

ORDERS_TRIES = 20  # half a second apart


class Clients:
    """All clients of one run. `run()` returns when `stop()` was called and the last answer has arrived.

    :param url: http://host:port or https://host:port
    :param timeout: seconds for a request from connecting to its last byte
    :param allow_status: statuses that are neither ok nor lost
    :param ca: the file of a certificate to trust, for https
    """

    def __init__(
        self,
        url: str,
        mix: Mix,
        *,
        timeout: float = 30.0,
        allow_status: Collection[int] = (),
        ca: str | None = None,
    ) -> None:
        self.tally = Tally(url, secrets.token_hex(4), allow_status)
        self._target = Target.of(url, ca)
        self._mix = mix
        self._timeout = timeout
        self._stopping = False
        self._pauses: set[asyncio.Future[None]] = set()
        self._serial = 0
        self._phases = random.Random()  # noqa: S311 - nothing is kept secret by it

    async def run(self) -> Report:
        mix = self._mix
        paced = mix.keepalive + mix.oneshot + mix.post
        interval = paced / mix.rate if mix.rate else 0.0
        clients = [
            *(self._get("keepalive", interval) for _ in range(mix.keepalive)),
            *(self._get("oneshot", interval, keep=False) for _ in range(mix.oneshot)),
            *(self._post(interval, keep=number % 2 == 0) for number in range(mix.post)),
            *(self._get("pausing", mix.pause) for _ in range(mix.pausing)),
            *(self._follow("slow", self._one_get(mix.slow_path)) for _ in range(mix.slow)),
            *(self._follow("stream", self._one_stream) for _ in range(mix.stream)),
            *(self._follow("upload", self._one_upload) for _ in range(mix.upload)),
        ]
        await asyncio.gather(*clients)
        if mix.orders_path is None or not self.tally.acknowledged:
            return self.tally.report(None, asked=False)
        return self.tally.report(await self._orders(mix.orders_path))

    def stop(self) -> None:
        """No further request is begun; those in flight are finished, streams included."""
        self._stopping = True
        for pause in self._pauses:
            _end(pause)

    async def _pause(self, seconds: float) -> None:
        if self._stopping or seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        pause: asyncio.Future[None] = loop.create_future()
        self._pauses.add(pause)
        timer = loop.call_later(seconds, _end, pause)
        try:
            await pause
        finally:
            timer.cancel()
            self._pauses.discard(pause)

    async def _paced(self, interval: float, once: Callable[[], Awaitable[object]]) -> None:
        """`once`, every `interval` seconds, each client with a phase of its own."""
        loop = asyncio.get_running_loop()
        await self._pause(self._phases.random() * interval)
        due = loop.time()
        while not self._stopping:
            await once()
            due = max(due + interval, loop.time())
            await self._pause(due - loop.time())

    async def _get(self, kind: str, interval: float, *, keep: bool = True) -> None:
        connection = Connection(self._target, self.tally, keep=keep)
        turn = 0

        async def once() -> None:
            nonlocal turn
            path = self._mix.get_paths[turn % len(self._mix.get_paths)]
            turn += 1
            await self._count(kind, lambda name: connection.exchange(self._get_of(path, name, keep=keep)))

        await self._paced(interval, once)
        connection.close()

    async def _post(self, interval: float, *, keep: bool) -> None:
        connection = Connection(self._target, self.tally, keep=keep)

        async def order(request: str) -> Answer:
            head = self._head("POST", self._mix.post_path, request, len(request), keep=keep)
            return await connection.exchange(head + request.encode())

        async def once() -> None:
            request = await self._count("post", order)
            if request is not None:
                self.tally.acknowledged.append(request)

        await self._paced(interval, once)
        connection.close()

    async def _follow(self, kind: str, one: Callable[[str], Awaitable[Answer]]) -> None:
        """One request after the other, each over a fresh connection: what it proves is the swap under it."""
        await self._pause(self._phases.random())
        while not self._stopping:
            if await self._count(kind, one) is None:
                await self._pause(BACKOFF)

    def _one_get(self, path: str) -> Callable[[str], Awaitable[Answer]]:
        async def one(request: str) -> Answer:
            connection = Connection(self._target, self.tally, keep=False)
            return await connection.exchange(self._get_of(path, request, keep=False))

        return one

    async def _one_stream(self, request: str) -> Answer:
        answer = await self._one_get(self._mix.stream_path)(request)
        if answer.status == 200 and STREAM_END not in answer.body:
            raise Failure(CUT, "the stream has no done event", answer.status, answer.version)
        return answer

    async def _one_upload(self, request: str) -> Answer:
        size = self._mix.upload_bytes // UPLOAD_PIECES * UPLOAD_PIECES
        wire = await Wire.open(self._target)
        try:
            wire.send(self._head("POST", self._mix.upload_path, request, size, keep=False))
            for _ in range(UPLOAD_PIECES):
                if wire.ended or wire.arrived:  # an early answer, or an end: either is read below
                    break
                wire.send(bytes(size // UPLOAD_PIECES))
                await asyncio.sleep(self._mix.upload_seconds / UPLOAD_PIECES)
            answer = await wire.answer("POST")
        finally:
            wire.close()
        if answer.status == 201 and f'"received": {size}'.encode() not in answer.body:
            raise Failure(WRONG, f"of {size} bytes: {answer.body[:80]!r}", answer.status, answer.version)
        return answer

    async def _count(self, kind: str, one: Callable[[str], Awaitable[Answer]]) -> str | None:
        """Gives a request its id and counts it; the id where it was ok."""
        loop = asyncio.get_running_loop()
        self._serial += 1
        request = f"{self.tally.run}-{kind}-{self._serial}"
        self.tally.sent(kind)
        began = loop.time()
        try:
            async with asyncio.timeout(self._timeout):
                answer = await one(request)
            if answer.headers.get("x-request-id", request) != request:
                other = answer.headers["x-request-id"]
                raise Failure(WRONG, f"the answer to {other}", answer.status, answer.version)
        except Failure as failure:
            self.tally.failed(kind, request, failure)
            return None
        except TimeoutError:
            self.tally.failed(kind, request, Failure(TIMEOUT, f"after {self._timeout:g} s"))
            return None
        return request if self.tally.answered(kind, request, answer, loop.time() - began) else None

    def _head(self, method: str, path: str, request: str, size: int | None, *, keep: bool) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: {self._target.name}\r\nX-Request-Id: {request}\r\n"
            + ("" if size is None else f"Content-Type: text/plain\r\nContent-Length: {size}\r\n")
            + ("\r\n" if keep else "Connection: close\r\n\r\n")
        ).encode("latin-1")

    def _get_of(self, path: str, request: str, *, keep: bool) -> bytes:
        return self._head("GET", path, request, None, keep=keep)

    async def _orders(self, path: str) -> list[str] | None:
        """This run's orders as the service recorded them; None where it cannot tell."""
        get = self._one_get(f"{path}?prefix={self.tally.run}-")
        for _ in range(ORDERS_TRIES):  # the service may be busy with coming back
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await get(f"{self.tally.run}-orders")
                if answer.status == 200:
                    orders = json.loads(answer.body)["orders"]
                    return [order for order in orders if order.startswith(self.tally.run)]
            except (Failure, TimeoutError, ValueError, KeyError, TypeError):
                pass
            await asyncio.sleep(0.5)
        return None


def _end(pause: asyncio.Future[None]) -> None:
    if not pause.done():
        pause.set_result(None)


class Connection:
    """What a client sends over: one connection that stays open, or a new one each time."""

    def __init__(self, target: Target, tally: Tally, *, keep: bool) -> None:
        self._target, self._tally, self._keep = target, tally, keep
        self._wire: Wire | None = None

    async def exchange(self, request: bytes) -> Answer:
        """Nothing is sent twice: a request that met a dying connection is lost, though HTTP allows more."""
        wire = self._wire
        if wire is not None:
            # An end that the kernel knows of is to be seen before more is sent. One pass of the loop polls
            # the socket, a second runs what it found.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if wire is not None and not wire.usable:
            wire.close()
            self._tally.reconnects += 1
            wire = None
        self._wire = None
        if wire is None:
            wire = await Wire.open(self._target)
        done = False
        try:
            wire.send(request)
            answer = await wire.answer(request.split(b" ", 1)[0].decode())
            done = True
        finally:
            if not (done and self._keep):
                wire.close()
        if self._keep and not wire.transport.is_closing():
            self._wire = wire
        return answer

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
