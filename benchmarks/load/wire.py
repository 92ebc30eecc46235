"""One HTTP/1.1 exchange on a raw connection, and each way it can fail.

A library would retry, pool and smooth over; here every byte that is missing has to be seen.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Every reason for which a request counts as lost.
REFUSED = "refused"  # nobody listens
RESET = "reset"  # the connection was reset before the answer began
NO_ANSWER = "no-answer"  # a fresh connection was closed without a byte of an answer
IDLE_RACE = "idle-race"  # a reused connection ended before any byte of the answer
CUT = "cut"  # the answer began and did not end
TIMEOUT = "timeout"
SERVER_ERROR = "5xx"
UNEXPECTED = "unexpected"  # any other status
WRONG = "wrong"  # a whole answer, but not the one to this request
UNREACHABLE = "unreachable"  # the network gave any other error
REASONS = (REFUSED, RESET, NO_ANSWER, IDLE_RACE, CUT, TIMEOUT, SERVER_ERROR, UNEXPECTED, WRONG, UNREACHABLE)


class Failure(Exception):
    """The exchange failed for one of REASONS."""

    def __init__(
        self, reason: str, detail: str = "", status: int | None = None, version: str | None = None
    ) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail, self.status, self.version = reason, detail, status, version


@dataclass
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes = b""

    @property
    def version(self) -> str | None:
        return self.headers.get("x-version")


@dataclass(frozen=True)
class Target:
    """Where the service is: `http://host:port` or `https://host:port`."""

    host: str
    port: int
    tls: ssl.SSLContext | None = field(default=None, compare=False)

    @classmethod
    def of(cls, url: str, ca: str | None = None) -> Target:
        """:param ca: the file of the certificate to trust, instead of the system's."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a http:// or https:// address: {url}")
        if parts.scheme == "http":
            return cls(parts.hostname, parts.port or 80)
        return cls(parts.hostname, parts.port or 443, ssl.create_default_context(cafile=ca))

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


class Wire(asyncio.Protocol):
    """A connection: what has arrived and has not been read yet."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.arrived = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.exchanges = 0
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, target: Target) -> Wire:
        """Raises Failure: REFUSED, RESET, NO_ANSWER, UNREACHABLE."""
        loop = asyncio.get_running_loop()
        try:
            _, wire = await loop.create_connection(cls, target.host, target.port, ssl=target.tls)
        except ConnectionRefusedError as error:
            raise Failure(REFUSED) from error
        except ConnectionResetError as error:
            raise Failure(RESET, "while connecting") from error
        except ssl.SSLError as error:
            raise Failure(NO_ANSWER, f"TLS: {error}") from error
        except OSError as error:
            raise Failure(UNREACHABLE, str(error)) from error
        return wire

    @property
    def usable(self) -> bool:
        """Another request may be sent: neither has the server closed it, nor said anything unasked."""
        return not self.ended and not self.arrived and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.arrived += data
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.error, self.ended = error, True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> bool:
        """Waits until more has arrived; False where nothing more will."""
        had = len(self.arrived)
        while len(self.arrived) == had and not self.ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return len(self.arrived) > had

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def close(self) -> None:
        self.transport.abort()

    async def answer(self, method: str = "GET") -> Answer:
        """The answer to the one request in flight. Raises Failure: RESET, NO_ANSWER, IDLE_RACE, CUT."""
        answer = await self._head()
        while 100 <= answer.status < 200:
            answer = await self._head()
        if method != "HEAD" and answer.status not in (204, 304):
            try:
                answer.body = await self._body(answer.headers)
            except Failure as failure:
                failure.status, failure.version = answer.status, answer.version
                raise
        self.exchanges += 1
        if "close" in answer.headers.get("connection", "").lower():
            self.close()
        return answer

    async def _head(self) -> Answer:
        while (end := self.arrived.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                raise self._nothing()
        lines = bytes(self.arrived[:end]).decode("latin-1").split("\r\n")
        del self.arrived[: end + 4]
        try:
            status = int(lines[0].split(" ")[1])
        except (IndexError, ValueError):
            raise Failure(WRONG, f"not HTTP: {lines[0][:80]!r}") from None
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers)

    def _nothing(self) -> Failure:
        detail = str(self.error or "")
        if self.arrived:
            return Failure(CUT, f"within the head {detail}".strip())
        if self.exchanges:
            return Failure(IDLE_RACE, f"after {self.exchanges} answers {detail}".strip())
        return Failure(RESET if self.error is not None else NO_ANSWER, detail)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return await self._chunks()
        if "content-length" in headers:
            return await self._exactly(int(headers["content-length"]))
        while await self._more():
            pass
        if self.error is not None:
            raise Failure(CUT, str(self.error))
        return self._take(len(self.arrived))

    async def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = int((await self._line()).split(b";")[0], 16)
            if size == 0:
                while await self._line():  # trailers
                    pass
                return bytes(body)
            body += await self._exactly(size)
            await self._exactly(2)

    async def _line(self) -> bytes:
        while (end := self.arrived.find(b"\r\n")) < 0:
            if not await self._more():
                raise Failure(CUT, f"between chunks {self.error or ''}".strip())
        return self._take(end + 2)[:-2]

    async def _exactly(self, size: int) -> bytes:
        while len(self.arrived) < size:
            if not await self._more():
                raise Failure(CUT, f"{len(self.arrived)} of {size} bytes {self.error or ''}".strip())
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self.arrived[:size])
        del self.arrived[:size]
        return taken
