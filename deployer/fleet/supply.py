"""An image that a host lacks, brought from where it is: the deployer's engine, another host, a registry."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from msgspec import Struct

from deployer.errors import DeployerError, EngineError, ImageMissing, Interrupted
from deployer.events import Note
from deployer.fleet.inventory import Fleet
from deployer.fleet.ship import Fetched, Layers, Source, layers, ship
from deployer.fleet.work import Member
from deployer.host.engine import Engine
from deployer.host.ssh import Jumps
from deployer.image.build import ensure_image
from deployer.rollout.release import Record
from deployer.rollout.situation import Situation

_Place = tuple[str, Engine]


class Supply:
    """Brings images to hosts; what is fetched from a host is fetched once for all that lack it.

    :param members: the hosts that are connected to; an image may also be on others of the config.
    """

    def __init__(self, fleet: Fleet, members: Sequence[Member]) -> None:
        self._fleet = fleet
        self._members = members
        self._finding = threading.Lock()
        self._found: dict[tuple[str, str], _Found | None] = {}
        self._local: Engine | None = None
        self._closing = contextlib.ExitStack()
        self._jumps = Jumps(fleet.environ)

    def __enter__(self) -> Self:
        self._closing.enter_context(self._jumps)
        with contextlib.suppress(EngineError):
            local = Engine(self._fleet.config.host.docker, self._fleet.environ)
            self._local = self._closing.enter_context(contextlib.closing(local))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def bring(self, member: Member, ref: str, image_id: str | None = None) -> str:
        """Make sure that a host has an image; what to call it there.

        :param image_id: of the very image that is meant, since the name may mean another one by now.
        :raises ImageMissing: it is nowhere, and no registry has it.
        """
        engine = member.engine
        held = engine.image(image_id or ref)
        if held is None:
            found = self._from_elsewhere(member, ref, image_id)
            if found is not None:
                found.send(member)
            held = engine.image(image_id or ref) or engine.image(found.ref if found else ref)
        named = engine.image(ref)
        if held is None or (named is not None and named["Id"] == held["Id"]):
            return ref
        if named is None and "@" not in ref and not ref.startswith("sha256:"):
            name, _, tag = ref.rpartition(":") if ":" in ref.rpartition("/")[2] else (ref, "", "latest")
            engine.tag(held["Id"], name, tag)
            return ref
        return str(held["Id"])

    def restock(self, member: Member, record: Record | None, situation: Situation) -> None:
        """Make sure that a host has what a release's container is made from, where that is gone.

        :raises ImageMissing: as `bring`.
        """
        if record is not None and record.container not in situation.members:
            self.bring(member, record.image, record.image_id)

    def _from_elsewhere(self, member: Member, ref: str, image_id: str | None) -> _Found | None:
        """Where to send it from; None where it has been pulled.

        The very one from anywhere; then, by its name, from here, from a registry, from another host.
        """
        is_id = ref.startswith("sha256:")
        found = self._find(member, image_id or (ref if is_id else None), ref, self._everywhere)
        found = found or self._find(member, ref, ref, self._here)
        if found is not None:
            return found
        refused = ""
        if not is_id:
            try:
                ensure_image(member.engine, ref, member.emit)
            except ImageMissing as error:
                refused = error.message
            else:
                return None
        found = self._find(member, ref, ref, self._everywhere)
        if found is None:
            raise ImageMissing(
                f"image {ref} is not on {member.name}, on no other host, not on the deployer's own engine, "
                "and cannot be pulled",
                remedy="`docker load` it on any of these and give the command again, or roll out an image "
                "that is there: `deployer rollout --image`",
                details=[refused] if refused else (),
            )
        return found

    def _find(
        self, asking: Member, key: str | None, ref: str, places: Callable[[], Iterator[_Place]]
    ) -> _Found | None:
        """The first of the places that has the image `key`, asked once for all hosts."""
        if key is None:
            return None
        with self._finding:
            question = (key, places.__name__)
            if question not in self._found:
                self._found[question] = self._look(asking, key, ref, places())
            return self._found[question]

    def _look(self, asking: Member, key: str, ref: str, places: Iterator[_Place]) -> _Found | None:
        for name, engine in places:
            with _passing_over():
                image, named = engine.image(key), engine.image(ref)
                if image is None:
                    continue
                called = ref if named is not None and named["Id"] == image["Id"] else str(image["Id"])
                source: Source = engine
                if engine is not self._local:
                    asking.emit(Note(f"fetching {ref} from {name}"))
                    folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="deployer-"))
                    source = Fetched(engine, Path(folder) / "image.tar")
                return _Found(source, called, layers(source, called))
        return None

    def _here(self) -> Iterator[_Place]:
        if self._local is not None:
            yield "here", self._local

    def _everywhere(self) -> Iterator[_Place]:
        yield from self._here()
        for member in (*self._members, *self._others()):
            with _passing_over():
                yield member.name, member.engine

    def _others(self) -> Iterator[Member]:
        """The config's hosts that the command is not about: what they have may be taken from them too."""
        fleet = self._fleet
        known = {member.name for member in self._members}
        for host in fleet.config.hosts:
            if host.name not in known:
                with _passing_over():
                    member = Member(fleet.config, host, fleet.emit, fleet.environ, self._jumps)
                    self._closing.callback(member.close)
                    yield member


@contextlib.contextmanager
def _passing_over() -> Iterator[None]:
    """Within: a place that cannot be asked is none that has it."""
    try:
        yield
    except Interrupted:
        raise
    except DeployerError:
        pass


class _Found(Struct, frozen=True):
    source: Source
    ref: str
    layers: Layers

    def send(self, member: Member) -> None:
        ship(self.source, member.engine, self.ref, self.layers, member.emit, member.sent, member.check_room)
