"""`deployer site verify`: do visitors get what the release says, and does every reference lead somewhere?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import Struct, to_builtins

from deployer.config.sections.site import Site
from deployer.errors import UsageError
from deployer.site.facts import Facts, Observer
from deployer.site.manifest import Entry
from deployer.site.plan import shows
from deployer.site.references import references, refers
from deployer.site.store import Found, Listed
from deployer.site.work import SiteOperation

_AT_ONCE = 16
_LARGEST_TEXT = 16 * 1024**2


class Fault(Struct, frozen=True):
    """Something that is not as it should be.

    :ivar kind: missing, content, headers, reference, manifest, unfinished.
    """

    kind: str
    path: str
    text: str


class Verdict(Struct, frozen=True):
    """What was looked at, and what is wrong."""

    release: str
    files: int
    references: int
    faults: tuple[Fault, ...]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"ok": not self.faults, **to_builtins(self)}


def verify(operation: SiteOperation) -> Verdict:
    """Compare the bucket with the manifest of the release that serves, and follow every reference in it.

    :raises UsageError: no release serves.
    """
    observer = Observer(operation.store, operation.keys, operation.emit)
    facts = observer.look()
    release = facts.pointer.release
    if release is None:
        raise UsageError("the site has no release yet", remedy="`deployer site deploy` makes one")
    observer.need(facts, [record.id for record in facts.pointer.releases])
    if release not in facts.manifests:
        return Verdict(release, 0, 0, (Fault("manifest", "", f"the manifest of {release} is missing"),))
    entries = facts.manifests[release].files
    found = observer.heads(list(entries))
    faults = [*_unfinished(facts), *_contents(entries, facts.bucket.listing or {}, found)]
    # What is another content than that of the release is not read: it may be no text, or not compressed.
    strange = {fault.path for fault in faults if fault.kind in {"missing", "content"}}
    sound = {path: entry for path, entry in entries.items() if path not in strange}
    count = 0
    for path, target, there in _followed(operation, sound, facts):
        count += 1
        if not there:
            faults.append(Fault("reference", path, f"refers to {target}, which is not there"))
    return Verdict(release, len(entries), count, tuple(faults))


def _unfinished(facts: Facts) -> Iterator[Fault]:
    pending = facts.pointer.pending
    if pending is not None:
        yield Fault(
            "unfinished", "", f"{pending} is at work, or was killed ({pending.step} {pending.release})"
        )
    for record in facts.pointer.releases:
        if record.id not in facts.manifests:
            yield Fault("manifest", "", f"the manifest of {record.id} is missing")


def _contents(
    entries: Mapping[str, Entry], listing: Mapping[str, Listed], found: Mapping[str, Found]
) -> Iterator[Fault]:
    for path, entry in entries.items():
        listed, head = listing.get(path), found.get(path)
        if listed is None or head is None:
            yield Fault("missing", path, "is not in the bucket")
        elif listed.etag != entry.etag or listed.size != entry.size:
            yield Fault("content", path, f"has another content: {listed.size} bytes, etag {listed.etag}")
        elif not shows(head.headers, entry.headers):
            wanted, shown = to_builtins(entry.headers), to_builtins(head.headers)
            changes = [
                f"{name} {shown[name]!r}, not {wanted[name]!r}"
                for name in wanted
                if wanted[name] != shown[name]
            ]
            yield Fault("headers", path, "; ".join(changes))


def _followed(
    operation: SiteOperation, entries: Mapping[str, Entry], facts: Facts
) -> Iterator[tuple[str, str, bool]]:
    """Every reference of every page and of what it loads: from where, to where, and whether it is there."""
    listing = facts.bucket.listing or {}
    texts = [
        path
        for path, entry in entries.items()
        if entry.size <= _LARGEST_TEXT and refers(entry.headers.content_type)
    ]

    def read(path: str) -> list[str]:
        found = operation.store.read(operation.keys.of(path))
        if found is None:
            return []
        headers = entries[path].headers
        text = _decoded(found[0], headers.content_encoding)
        return list(references(path, headers.content_type, text))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for path, targets in zip(texts, pool.map(read, texts), strict=True):
            for target in targets:
                if served_elsewhere(target, operation.api_prefix):
                    continue
                yield path, target, resolves(target, listing, operation.site)


def served_elsewhere(target: str, api_prefix: str) -> bool:
    """Whether a path is the API's, which is another's to answer.

    :param api_prefix: as in `edge.api_prefix`.
    """
    return f"/{target}".startswith(api_prefix)


def resolves(target: str, listing: Mapping[str, object], site: Site) -> bool:
    """Whether a path gets an answer: a file, a folder's page, or a path of the page's own router."""
    if target in listing:
        return True
    if target == "" or target.endswith("/"):
        return target + site.index in listing or site.spa
    return site.spa and "." not in target.rpartition("/")[2]


def _decoded(body: bytes, encoding: str) -> str:
    if encoding == "gzip":
        import gzip

        body = gzip.decompress(body)
    elif encoding == "br":
        from deployer.site.transfer import brotli

        body = brotli().decompress(body)
    return body.decode("utf-8", "replace")
