"""Remove images of a service that nothing needs any more, and nothing else.

Only images with our labels and only our names are looked at. Kept are the newest releases, whatever a
container was made from, running or stopped, what the caller protects, and what somebody gave a name of
their own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from deployer import events
from deployer.errors import Conflict, ImageMissing, NotFound
from deployer.host.engine import Engine, Inspect
from deployer.image.build import CONTENT

_NO_NAME = "<none>:<none>"
STAGES = 2
"""Stages of a Dockerfile that are kept for the next build though no kept release is as old as they are."""


class Removal(Struct, frozen=True):
    """An image to remove: its id, its tags (none for a leftover), its whole size in bytes, and why."""

    image: str
    tags: tuple[str, ...]
    size: int
    reason: str

    @property
    def name(self) -> str:
        """What to call it: its first tag, or its shortened id."""
        return self.tags[0] if self.tags else self.image.removeprefix("sha256:")[:12]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"image": self.image, "tags": list(self.tags), "bytes": self.size, "reason": self.reason}


class Pruned(Struct, frozen=True):
    """What was removed, and how many bytes the engine's disk got back."""

    removed: tuple[Removal, ...]
    bytes_freed: int

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"removed": [removal.as_dict() for removal in self.removed], "bytes_freed": self.bytes_freed}


def plan_prune(
    service: str,
    images: Iterable[Inspect],
    containers: Iterable[Inspect],
    keep: int,
    protected: Collection[str] = (),
) -> list[Removal]:
    """What may go, oldest first.

    :param images: all with the service's labels, as `GET /images/json` lists them.
    :param containers: all of the engine, as `GET /containers/json?all=1` lists them.
    :param keep: how many of the newest releases stay, whether anything uses them or not.
    :param protected: references or ids of images that stay as well.
    """
    used = {str(container["ImageID"]) for container in containers}
    newest_first = sorted(images, key=lambda image: (image["Created"], image["Id"]), reverse=True)
    releases = [image for image in newest_first if CONTENT in _labels(image) and _tags(image)]
    kept = releases[:keep]
    # Layers of earlier stages are the engine's cache: the next build reuses them if nothing changed there.
    # Those of a kept release, or of a build that runs right now, are younger than this, except stages
    # that have not changed for long: the engine does not tell what was built on them.
    oldest_kept = min((image["Created"] for image in kept), default=float("inf"))
    stages = [image for image in newest_first if not _tags(image) and CONTENT not in _labels(image)]
    unchanged = [image for image in stages if image["Created"] < oldest_kept][:STAGES] if kept else []
    removals = []
    for image in reversed(newest_first):
        tags = _tags(image)
        if image in kept or image["Id"] in used or not {image["Id"], *tags}.isdisjoint(protected):
            continue
        if not all(_is_ours(tag, service) for tag in tags):
            continue
        if tags:
            reason = f"older than the newest {keep} release(s)"
        elif CONTENT in _labels(image):
            reason = "replaced by a newer build of the same content"
        elif image["Created"] < oldest_kept and image not in unchanged:
            reason = "layers that a failed or an old build left"
        else:
            continue
        removals.append(Removal(image["Id"], tags, image["Size"], reason))
    return removals


def plan(
    engine: Engine,
    service: str,
    *,
    keep: int,
    protected: Collection[str] = (),
    without: Collection[str] = (),
) -> list[Removal]:
    """`plan_prune` with what the engine has now.

    :param without: names of containers that are going to be removed before.
    """
    labels = {"deployer.service": service, "deployer.role": "image"}
    gone = {f"/{name}" for name in without}
    containers = [item for item in engine.containers() if gone.isdisjoint(item["Names"] or ())]
    return plan_prune(service, engine.images(labels), containers, keep, protected)


def prune(
    engine: Engine, service: str, emit: events.Emit, *, keep: int, protected: Collection[str] = ()
) -> Pruned:
    """Remove what `plan` finds; what is taken into use in the meantime stays.

    The caller holds the service's lock. Bytes freed are what the engine's layers take before, less what
    they take after.
    """
    removals = plan(engine, service, keep=keep, protected=protected)
    if not removals:
        emit(events.Pruned(0, 0))
        return Pruned((), 0)
    before = engine.disk_usage()
    removed = []
    for removal in removals:
        if _remove(engine, removal):
            emit(events.ImagePruned(removal.name, _unique(before, removal.image), removal.reason))
            removed.append(removal)
    freed = _freed(before, engine.disk_usage(), removed)
    emit(events.Pruned(len(removed), freed))
    return Pruned(tuple(removed), freed)


def _remove(engine: Engine, removal: Removal) -> bool:
    try:
        for ref in removal.tags or (removal.image,):
            engine.remove_image(ref)
    except (Conflict, ImageMissing, NotFound):
        # A container was made from it since we looked, an image was built on it, or somebody was faster.
        return False
    return True


def _freed(before: Inspect, after: Inspect, removed: Sequence[Removal]) -> int:
    """Bytes by which the layers shrank, within what the removed images can account for.

    Others may build or remove images at the same time. What belonged to a removed image alone was surely
    freed, and no more than all that they held can have been.
    """
    least = sum(_unique(before, removal.image) for removal in removed)
    most = sum(removal.size for removal in removed)
    shrunk = int(before["LayersSize"]) - int(after["LayersSize"])
    return min(max(shrunk, least), most)


def _unique(usage: Inspect, image: str) -> int:
    """Bytes of an image that it shares with no other."""
    found = (each for each in usage["Images"] or () if each["Id"] == image)
    return sum(int(each["Size"]) - int(each["SharedSize"]) for each in found)


def _labels(image: Inspect) -> dict[str, str]:
    return image.get("Labels") or {}


def _tags(image: Inspect) -> tuple[str, ...]:
    return tuple(sorted(tag for tag in image.get("RepoTags") or () if tag != _NO_NAME))


def _is_ours(tag: str, service: str) -> bool:
    return re.fullmatch(re.escape(service) + r":[0-9a-f]{12}", tag) is not None
