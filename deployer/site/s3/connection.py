"""One connection that stays open: HTTP/1.1, as far as a client of S3 needs it.

Written for its cost: the standard library's client parses an answer's headers as a mail, which takes longer
than signing and sending the request. Bodies of answers are held in memory; those of requests are streamed.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import ssl

CONNECT_TIMEOUT = 10.0
TIMEOUT = 60.0
"""Seconds without a byte, in either direction, after which a connection counts as dead."""
PIECE = 256 * 1024
"""Bytes that are read and sent at once; what is no larger is sent together with its headers."""
LONGEST_HEAD = 64 * 1024


class Broken(Exception):
    """The connection is of no use any more.

    :param unheard: it had been used before and was closed without a byte of an answer, as an idle one is: it
        says nothing about the server's health.
    """

    def __init__(self, reason: str, *, unheard: bool = False) -> None:
        super().__init__(reason)
        self.unheard = unheard


class SourceChanged(Exception):
    """A file is not as long as it was said to be."""


class FileBody(Struct, frozen=True):
    """A request's body that is too large to be held."""

    path: Path
    size: int


class Answer(Struct, frozen=True):
    """What the server said; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


Sent = Callable[[int], None]


class Connection:
    """Opened when it is made.

    :param context: for TLS; None for plain text.
    :param proxy: host and port of a proxy that lets TLS through (CONNECT).
    :raises Broken: nobody answers, or with a certificate that is no good.
    """

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, proxy: tuple[str, int] | None = None
    ) -> None:
        self._used = False
        self._rest = b""
        self._plain = context is None
        try:
            self._socket = socket.create_connection(proxy or (host.strip("[]"), port), CONNECT_TIMEOUT)
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if context is not None:
                    if proxy is not None:
                        self._tunnel(f"{host}:{port}")
                    self._socket = context.wrap_socket(self._socket, server_hostname=host)
                self._socket.settimeout(TIMEOUT)
            except BaseException:
                self._socket.close()
                raise
        except OSError as error:
            raise Broken(_reason(error)) from error

    def exchange(
        self, head: bytes, body: bytes | FileBody = b"", *, bodiless: bool = False, sent: Sent | None = None
    ) -> Answer:
        """Send a request and give its answer.

        :param head: request line and headers, with their empty line.
        :param bodiless: the answer has headers only (HEAD).
        :param sent: told of the body's bytes as they go; they may go in vain.
        :raises Broken: it did not come to a whole answer.
        :raises SourceChanged: the body's file is not what it was.
        """
        fresh, self._used = not self._used, True
        try:
            self._send(head, body, sent)
        except OSError as error:
            # A server that refuses may answer before it has read everything, and hang up.
            with contextlib.suppress(OSError, Broken):
                self._socket.settimeout(1.0)
                answer = self._answer(bodiless)
                return Answer(answer.status, {**answer.headers, "connection": "close"}, answer.body)
            raise Broken(_reason(error), unheard=not fresh) from error
        try:
            return self._answer(bodiless)
        except OSError as error:
            raise Broken(_reason(error), unheard=not fresh and not self._rest) from error
        except Broken as broken:
            raise Broken(str(broken), unheard=not fresh and not self._rest) from broken

    def close(self) -> None:
        """Whoever waits for it is told so at once."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _send(self, head: bytes, body: bytes | FileBody, sent: Sent | None) -> None:
        if isinstance(body, FileBody):
            self._socket.sendall(head)
            self._send_file(body, sent)
            return
        self._socket.sendall(head + body)
        if sent is not None and body:
            sent(len(body))

    def _send_file(self, body: FileBody, sent: Sent | None) -> None:
        left = body.size
        with body.path.open("rb", buffering=0) as file:
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise SourceChanged(str(body.path))
                self._socket.sendall(piece)
                left -= len(piece)
                if sent is not None:
                    sent(len(piece))
            if file.read(1):
                raise SourceChanged(str(body.path))

    def _answer(self, bodiless: bool) -> Answer:
        status, headers = self._head()
        while status == 100:
            status, headers = self._head()
        if bodiless or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return Answer(status, headers, self._chunks())
        length = headers.get("content-length")
        if length is not None:
            return Answer(status, headers, self._take(int(length)))
        pieces = [self._rest]
        while pieces[-1:] != [b""]:
            pieces.append(self._socket.recv(PIECE))
        return Answer(status, {**headers, "connection": "close"}, b"".join(pieces))

    def _head(self) -> tuple[int, dict[str, str]]:
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if len(self._rest) > LONGEST_HEAD:
                raise Broken("the answer's headers do not end")
            self._more()
        lines = self._rest[:end].decode("latin-1").split("\r\n")
        self._rest = self._rest[end + 4 :]
        version, _, status = lines[0].partition(" ")
        if not version.startswith("HTTP/1.") or not status[:3].isdigit():
            raise Broken("the answer is not HTTP")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if version == "HTTP/1.0":
            headers.setdefault("connection", "close")
        return int(status[:3]), headers

    def _take(self, length: int) -> bytes:
        if len(self._rest) >= length:
            taken, self._rest = self._rest[:length], self._rest[length:]
            return taken
        pieces, have = [self._rest], len(self._rest)
        self._rest = b""
        while have < length:
            piece = self._socket.recv(min(PIECE, length - have))
            if not piece:
                raise Broken(f"the answer was cut off after {have} of {length} bytes")
            pieces.append(piece)
            have += len(piece)
        return b"".join(pieces)

    def _chunks(self) -> bytes:
        pieces = []
        while size := int(self._line().partition(b";")[0], 16):
            pieces.append(self._take(size))
            self._line()
        while self._line():
            pass
        return b"".join(pieces)

    def _line(self) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            self._more()
        line, self._rest = self._rest[:end], self._rest[end + 2 :]
        return line

    def _more(self) -> None:
        piece = self._socket.recv(PIECE)
        if not piece:
            raise Broken("the connection was closed before the answer had ended")
        self._rest += piece

    def _tunnel(self, target: str) -> None:
        self._socket.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii"))
        status, _ = self._head()
        if status != 200:
            raise OSError(f"the proxy answered {status} for {target}")


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__


def context(bundle: str = "") -> ssl.SSLContext:
    """TLS as Python does it by default: certificates and names are checked.

    :param bundle: file or folder of the authorities to trust; else the system's.
    """
    import ssl

    if bundle and os.path.isdir(bundle):  # noqa: PTH112  (text of a variable, passed on as it is)
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle or None)
