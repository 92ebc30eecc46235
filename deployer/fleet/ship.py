"""Images straight to hosts: of what `docker save` writes, only the layers that a host lacks.

`docker load` looks for a layer in its own store before it opens the layer's file, so files of layers that are
there can be left out. (Engines with containerd's image store want all of them, and get all.)
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from deployer.errors import ImageError
from deployer.events import Emit, ImageShipped, PhaseProgress
from deployer.host.engine import Engine

PHASE = "image"
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of an image, bottom first.

    :param ids: what they are: digests of their content.
    :param files: where `docker save` puts them, in the same order.
    """

    ids: tuple[str, ...]
    files: tuple[str, ...]

    def unknown(self, held: Iterable[Sequence[str]]) -> set[int]:
        """Which of them a host lacks whose images have the layers `held`.

        A layer is there only on top of the same ones: an engine knows it by all that is below it.
        """
        shared = max((_common(self.ids, other) for other in held), default=0)
        return set(range(shared, len(self.ids)))


def layers(source: Engine, ref: str) -> Layers:
    """The layers of an image, and the files that hold them.

    :raises ImageError: the engine does not save it in a way that is known.
    """
    image = source.image(ref)
    ids = tuple((image or {}).get("RootFS", {}).get("Layers") or ())
    for header, data in _members(source.save(ref)):
        name = _name(header)
        if name != "manifest.json":
            continue
        manifest = json.loads(b"".join(data))
        files = tuple(manifest[0]["Layers"])
        if len(files) == len(ids):
            return Layers(ids, files)
    raise ImageError(f"the engine does not say which files of {ref} are its layers")


def ship(
    source: Engine,
    target: Engine,
    ref: str,
    known: Layers,
    emit: Emit,
    sent: Callable[[], int],
) -> None:
    """Bring an image to another engine, unless it is there already.

    :param known: the image's layers (`layers`), looked up once for all hosts.
    :param sent: how many bytes have gone to that host until now.
    """
    here = source.image(ref)
    there = target.image(ref)
    if here is None:
        raise ImageError(f"image {ref} is not on the deployer's own engine")
    if there is not None and there["Id"] == here["Id"]:
        return
    before = sent()
    lacking = known.unknown(_held(target))
    emit(PhaseProgress(PHASE, f"sending {ref}, {len(lacking)} of {len(known.ids)} layers"))
    left_out = {known.files[index] for index in range(len(known.ids)) if index not in lacking}
    # The same content may be several layers, all in one file.
    left_out -= {known.files[index] for index in lacking}
    try:
        target.load(packed(_without(source.save(ref), left_out)))
    except ImageError:
        if not left_out:
            raise
        lacking = set(range(len(known.ids)))
        target.load(packed(source.save(ref)))
    found = target.image(ref)
    if found is None or found["Id"] != here["Id"]:
        raise ImageError(f"the engine took {ref} and does not have it")
    emit(ImageShipped(ref, len(lacking), len(known.ids), sent() - before))


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as gzip, fast rather than small: the link is slower than that."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        if done := packer.compress(piece):
            yield done
    yield packer.flush()


def _held(target: Engine) -> list[Sequence[str]]:
    found = []
    for listed in target.images({}):
        image = target.image(listed["Id"])
        if image is not None:
            found.append(image.get("RootFS", {}).get("Layers") or ())
    return found


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of the first items are the same."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _without(pieces: Iterable[bytes], names: set[str]) -> Iterator[bytes]:
    """A tar without some of its members."""
    for header, data in _members(pieces):
        if _name(header) in names:
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


def _members(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, Iterator[bytes]]]:
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


def _name(header: bytes) -> str:
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
