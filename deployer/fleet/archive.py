"""The tar that `docker save` writes, read and thinned out as it passes by."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from deployer.errors import ImageError

_BLOCK = 512


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as gzip, fast rather than small: the link is slower than that."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        if done := packer.compress(piece):
            yield done
    yield packer.flush()


def without(pieces: Iterable[bytes], names: set[str]) -> Iterator[bytes]:
    """A tar without some of its members."""
    for header, data in members(pieces):
        if name_of(header) in names:
            for _ in data:
                pass
            continue
        yield header
        size = 0
        for piece in data:
            size += len(piece)
            yield piece
        yield bytes(-size % _BLOCK)
    yield bytes(2 * _BLOCK)


def members(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """The members of a tar that comes in pieces: each header as it is, and its data, which has to be read.

    `tarfile` cannot pass a member on as it was, nor be fed; what Docker writes is plain enough.
    """
    source = _Reader(pieces)
    while True:
        header = source.exactly(_BLOCK)
        if not header.strip(b"\0"):
            source.rest()
            return
        # Extended headers belong to the member after them; Docker writes them for odd names and times.
        while header[-_BLOCK + 156 : -_BLOCK + 157] in (b"x", b"g", b"L", b"K"):
            length = _size(header[-_BLOCK:])
            header += source.exactly(length + -length % _BLOCK) + source.exactly(_BLOCK)
        size = _size(header[-_BLOCK:])
        data = source.pieces(size)
        yield header, data
        for _ in data:
            pass
        source.exactly(-size % _BLOCK)


def size_of(header: bytes) -> int:
    """How many bytes a member has."""
    return _size(header[-_BLOCK:])


def name_of(header: bytes) -> str:
    last = header[-_BLOCK:]
    name = last[:100].rstrip(b"\0").decode()
    prefix = last[345:500].rstrip(b"\0").decode() if last[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _size(header: bytes) -> int:
    field = header[124:136]
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ~(0x80 << 88)
    return int(field.rstrip(b"\0 ") or b"0", 8)


class _Reader:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""

    def exactly(self, count: int) -> bytes:
        return b"".join(self.pieces(count))

    def pieces(self, count: int) -> Iterator[bytes]:
        while count:
            if not self._buffer:
                piece = next(self._pieces, None)
                if piece is None:
                    raise ImageError("the engine's archive of the image ends too early")
                self._buffer = piece
                continue
            taken, self._buffer = self._buffer[:count], self._buffer[count:]
            count -= len(taken)
            yield taken

    def rest(self) -> None:
        for _ in self._pieces:
            pass
