"""Images straight to hosts: of what `docker save` writes, only the layers that a host lacks.

`docker load` looks for a layer in its own store before it opens the layer's file, so files of layers that are
there can be left out. An engine with containerd's image store gets all of them: it takes an archive with gaps
without a word (it imports with "skip missing"), and has an image that does not start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from deployer.errors import EngineError, EngineForbidden, EngineUnreachable, ImageError
from deployer.events import Emit, ImageShipped, PhaseProgress
from deployer.fleet.archive import members, name_of, packed, size_of, without
from deployer.host.engine import Engine, Inspect

PHASE = "image"
_PIECE = 1 << 20


class Source(Protocol):
    """Where an image is read from, more than once: an engine, or what was fetched from one."""

    def image(self, ref: str) -> Inspect | None:
        """The image as the engine describes it; None where there is none."""

    def save(self, ref: str) -> Iterator[bytes]:
        """The image as `docker save` writes it."""


class Fetched:
    """An image of a far engine, fetched when it is first read, and read from a file after that."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine = engine
        self._file = file

    def image(self, ref: str) -> Inspect | None:
        """The image as its engine describes it."""
        return self._engine.image(ref)

    def save(self, ref: str) -> Iterator[bytes]:
        """The image in pieces. :raises ImageError: this machine has no room for it."""
        try:
            if not self._file.exists():
                part = self._file.with_suffix(".part")
                with part.open("wb") as file:
                    for piece in self._engine.save(ref):
                        file.write(piece)
                part.rename(self._file)
            with self._file.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise ImageError(
                f"{ref} cannot be kept on its way: {error}", remedy="make room in TMPDIR of this machine"
            ) from error


class Layers(Struct, frozen=True):
    """The layers of an image, bottom first.

    :param ids: what they are: digests of their content.
    :param files: where `docker save` puts them, in the same order.
    :param sizes: bytes of each, unpacked or as their engine keeps them; empty where that is not known.
    """

    ids: tuple[str, ...]
    files: tuple[str, ...]
    sizes: tuple[int, ...] = ()

    def unknown(self, held: Iterable[Sequence[str]]) -> set[int]:
        """Which of them a host lacks whose images have the layers `held`.

        A layer is there only on top of the same ones: an engine knows it by all that is below it.
        """
        shared = max((_common(self.ids, other) for other in held), default=0)
        return set(range(shared, len(self.ids)))


def layers(source: Source, ref: str) -> Layers:
    """The layers of an image, and the files that hold them.

    :raises ImageError: the engine does not save it in a way that is known.
    """
    image = source.image(ref)
    ids = tuple((image or {}).get("RootFS", {}).get("Layers") or ())
    found: dict[str, int] = {}
    for header, data in members(source.save(ref)):
        name = name_of(header)
        found[name] = size_of(header)
        if name != "manifest.json":
            continue
        manifest = json.loads(b"".join(data))
        files = tuple(manifest[0]["Layers"])
        if len(files) == len(ids):
            return Layers(ids, files, tuple(found.get(file, 0) for file in files))
    raise ImageError(f"the engine does not say which files of {ref} are its layers")


def ship(
    source: Source,
    target: Engine,
    ref: str,
    known: Layers,
    emit: Emit,
    sent: Callable[[], int],
    check_room: Callable[[int], None],
) -> None:
    """Bring an image to another engine, unless it is there already.

    :param known: the image's layers (`layers`), looked up once for all hosts.
    :param sent: how many bytes have gone to that host until now.
    :param check_room: told how many bytes it will take over there, before any is sent; raises to refuse.
    :raises ImageError: there is no such image, or the engine over there does not take it.
    """
    here = source.image(ref)
    if here is None:
        raise ImageError(f"image {ref} is not where it was to be sent from")
    if same(here, target.image(ref)):
        return
    before = sent()
    lacking = set(range(len(known.ids)))
    if not _in_containerd(target):
        lacking = known.unknown(_held(target))
    emit(PhaseProgress(PHASE, f"sending {ref}, {len(lacking)} of {len(known.ids)} layers"))
    if known.sizes:
        # An engine unpacks the archive before it unpacks the layers out of it.
        check_room(2 * sum(known.sizes[index] for index in lacking))
    left_out = {known.files[index] for index in range(len(known.ids)) if index not in lacking}
    # The same content may be several layers, all in one file.
    left_out -= {known.files[index] for index in lacking}
    try:
        target.load(packed(without(source.save(ref), left_out)))
    except (EngineUnreachable, EngineForbidden):
        raise
    except (EngineError, ImageError):
        if not left_out:
            raise
        lacking = set(range(len(known.ids)))
        target.load(packed(source.save(ref)))
    if not same(here, target.image(ref)):
        raise ImageError(f"the engine took {ref} and does not have it")
    emit(ImageShipped(ref, len(lacking), len(known.ids), sent() - before))


def same(one: Inspect, other: Inspect | None) -> bool:
    """Whether two engines speak of the same image.

    Its id tells between engines of one kind: a graph driver calls it by its config's digest, containerd's
    image store by its manifest's. What both tell alike is what it is made of.
    """
    return other is not None and (one["Id"] == other["Id"] or _made_of(one) == _made_of(other))


def _made_of(image: Inspect) -> list[object]:
    config = image.get("Config") or {}
    words = [config.get(key) or None for key in ("Cmd", "Entrypoint", "Env", "Labels", "User", "WorkingDir")]
    return [(image.get("RootFS") or {}).get("Layers"), image.get("Created"), *words]


def _in_containerd(engine: Engine) -> bool:
    """Whether the engine keeps images in containerd's store, as new ones do from Docker 29 on."""
    told = engine.info().get("DriverStatus") or ()
    return any("io.containerd.snapshotter" in str(value) for _, value in told)


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
