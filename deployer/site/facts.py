"""What the bucket shows: the pointer, the manifests that matter, and the list of what is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from deployer.events import Emit, Warned
from deployer.site.claim import Seen, read_pointer
from deployer.site.manifest import Keys, Manifest, Pointer
from deployer.site.plan import Bucket, reheaded
from deployer.site.store import Found, Listed, Store

_AT_ONCE = 16


class Facts(Struct):
    """What a plan is made from, all of it read after the pointer: who swaps that one knows it is still true.

    :ivar manifests: by release; those that were asked for and are there.
    """

    seen: Seen
    bucket: Bucket
    manifests: dict[str, Manifest] = field(default_factory=dict)

    @property
    def pointer(self) -> Pointer:
        """What the pointer says."""
        return self.seen.pointer

    def of(self, releases: Iterable[str]) -> list[Manifest]:
        """The manifests of releases, in that order, as far as they are there."""
        return [self.manifests[release] for release in releases if release in self.manifests]

    @property
    def doubtful(self) -> list[str]:
        """Files that may have the headers of a release that was begun and given up, as far as it is known."""
        pending = self.pointer.pending
        serving, begun = self.of([self.pointer.release or ""]), self.of([pending.release] if pending else [])
        return reheaded(serving[0].files, begun[0].files) if serving and begun else []


class Observer:
    """Reads what the bucket shows."""

    def __init__(self, store: Store, keys: Keys, emit: Emit) -> None:
        self.store = store
        self.keys = keys
        self.emit = emit

    def look(self, seen: Seen | None = None, *, listing: bool = True) -> Facts:
        """The pointer, the current release's manifest, and the listing.

        :param seen: the pointer, where it has just been read.
        :param listing: whether to list the bucket; otherwise the manifest is trusted, unless somebody was at
            work and may have left what it does not know of.
        """
        seen = seen or read_pointer(self.store, self.keys)
        facts = Facts(seen, Bucket(None))
        current = seen.pointer.release
        if current is not None:
            self.need(facts, [current])
        if listing or current not in facts.manifests or seen.pointer.pending is not None:
            manifest = facts.manifests.get(current or "")
            facts.bucket = self.list(self.keys.all(manifest.files) if manifest else ())
        return facts

    def need(self, facts: Facts, releases: Iterable[str]) -> None:
        """Read the manifests of releases that are not known yet."""
        lacking = [release for release in releases if release not in facts.manifests]
        if not lacking:
            return
        if len(lacking) == 1:
            found: Iterable[Manifest | None] = [self.manifest(lacking[0])]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(len(lacking), _AT_ONCE)) as pool:
                found = list(pool.map(self.manifest, lacking))
        for release, manifest in zip(lacking, found, strict=True):
            if manifest is not None:
                facts.manifests[release] = manifest
            else:
                self.emit(Warned(f"the manifest of release {release} is missing from the bucket"))

    def manifest(self, release: str) -> Manifest | None:
        """A release's manifest; None where it is not there. :raises SiteDamaged: it is unreadable."""
        key = self.keys.manifest(release)
        found = self.store.read(key)
        return Manifest.from_json(found[0], key) if found else None

    def list(self, boundaries: Sequence[str] = ()) -> Bucket:
        """Everything below the prefix, sorted out."""
        keys = self.keys
        listing: dict[str, Listed] = {}
        bucket = Bucket(listing)
        start = len(keys.prefix)
        manifests = []
        for listed in self.store.listing(keys.prefix, boundaries=boundaries):
            key = listed.key
            if not key.startswith(keys.ours):
                listing[key[start:]] = listed
            elif key.startswith(keys.kept_below):
                bucket.kept[key.removeprefix(keys.kept_below)] = listed
            elif key.startswith(keys.releases) and key.endswith(".json"):
                manifests.append(key.removeprefix(keys.releases).removesuffix(".json"))
        bucket.manifests = tuple(manifests)
        return bucket

    def heads(self, paths: Sequence[str]) -> dict[str, Found]:
        """The headers of files in the bucket, of those that are there."""
        if not paths:
            return {}
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(len(paths), _AT_ONCE)) as pool:
            found = pool.map(lambda path: self.store.head(self.keys.of(path)), paths)
            return {path: each for path, each in zip(paths, found, strict=True) if each is not None}
