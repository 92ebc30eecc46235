"""What a release consists of, as kept in the bucket: a manifest for each, and the pointer to the current one.

    <prefix>.deployer/current.json           the pointer: what serves, what is retained, who is at work
    <prefix>.deployer/releases/<id>.json     the manifest: every path with its content and its headers
    <prefix>.deployer/kept/<md5>             content that was replaced at its own key, for going back

The formats are ours alone; a newer one is refused rather than guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from deployer.errors import SiteDamaged
from deployer.site.store import Headers

FORMAT = 1
OURS = ".deployer/"
"""The folder below the prefix in which all of this is kept; visitors may be kept out of it."""
_GIVEN_UP_STAY = 2
JSON = Headers("application/json", "no-store")


class Entry(NamedTuple):
    """A file of a release.

    :ivar size: bytes in the bucket.
    :ivar md5: of what is in the bucket, hex.
    :ivar etag: that the bucket shows; the same as `md5` unless it was sent in parts, or is encrypted with
        a key of the bucket's owner.
    :ivar source: MD5 of the file that it was made from, hex; another one than `md5` where it was compressed.
    """

    size: int
    md5: str
    etag: str
    headers: Headers
    source: str


class Manifest(Struct, frozen=True):
    """A whole release; `files` by path, without the prefix, sorted."""

    release: str
    files: Mapping[str, Entry]

    def to_json(self) -> bytes:
        """The manifest as it is kept. What is usual is left out: a site has thousands of files."""
        numbers: dict[Headers, int] = {}
        by_identity: dict[int, int] = {}
        files: dict[str, list[object]] = {}
        for path, (size, md5, etag, headers, source) in self.files.items():
            number = by_identity.get(id(headers))
            if number is None:
                number = by_identity[id(headers)] = numbers.setdefault(headers, len(numbers))
            entry: list[object] = [size, md5, number]
            if etag != md5 or source != md5:
                entry += [etag, source]
            files[path] = entry
        value = {
            "format": FORMAT,
            "release": self.release,
            "headers": [_headers_to_json(headers) for headers in numbers],
            "files": files,
        }
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes, key: str) -> Manifest:
        """:raises SiteDamaged: it is not what `to_json` writes; `key` says where it was."""
        value = _parse(text, key)
        try:
            headers = [_headers_from_json(each) for each in value["headers"]]
            files = {}
            for path, (size, md5, number, *rest) in value["files"].items():
                etag, source = rest or (md5, md5)
                files[path] = Entry(size, md5, etag, headers[number], source)
            return cls(str(value["release"]), files)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(key) from error


class Record(Struct, frozen=True):
    """A release in the pointer's list: enough to show it without reading its manifest.

    :ivar at: when it was made, RFC 3339.
    :ivar size: bytes of all its files.
    :ivar previous: what served when it was made.
    :ivar complete: whether it ever served as a whole; one that was given up half-way is retained for those
        who saw a page of it, and nobody can go back to it.
    """

    id: str
    at: str
    who: str
    files: int
    size: int
    git_sha: str | None = None
    previous: str | None = None
    complete: bool = True


class Process(Struct, frozen=True):
    """The process that works on the site, as another one on the same machine can recognise it."""

    boot: str
    namespace: str
    pid: int
    started: str


class Pending(Struct, frozen=True):
    """Somebody is at work, or was.

    :ivar release: that is being made current, or is current already while the rest is done.
    :ivar kind: deploy, rollback, prune.
    :ivar step: preparing (no visitor can see anything of it), publishing (pages are being replaced),
        finishing (`release` is current).
    :ivar token: of one command, so that it knows what it wrote itself.
    :ivar beat: counted up while the process lives.
    :ivar process: None where it has given up.
    :ivar invalidate: paths that the distribution is yet to be told of.
    :ivar reference: under which it may have been told of exactly those already; empty where it has not.
    """

    release: str
    kind: str
    step: str
    who: str
    since: str
    token: str
    beat: int = 0
    process: Process | None = None
    invalidate: tuple[str, ...] = ()
    reference: str = ""

    def __str__(self) -> str:
        return f"{self.who} ({self.kind}, since {self.since})"


class Pointer(Struct, frozen=True):
    """What serves; what is retained, newest first; who is at work.

    :ivar release: None before the first release.
    :ivar since: when it became the current one, RFC 3339.
    """

    release: str | None = None
    since: str = ""
    releases: tuple[Record, ...] = ()
    pending: Pending | None = None

    def record(self, release: str) -> Record | None:
        """What is known about a release; None where it is not retained."""
        return next((record for record in self.releases if record.id == release), None)

    def to_json(self) -> bytes:
        """The pointer as it is kept."""
        return json.dumps({"format": FORMAT, **to_builtins(self)}, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes, key: str) -> Pointer:
        """:raises SiteDamaged: it is not what `to_json` writes; `key` says where it was."""
        value = _parse(text, key)
        try:
            pending = value["pending"]
            if pending is not None:
                process = pending["process"]
                pending = Pending(
                    **{
                        **pending,
                        "process": Process(**process) if process else None,
                        "invalidate": tuple(pending["invalidate"]),
                    }
                )
            records = tuple(Record(**each) for each in value["releases"])
            return cls(value["release"], value["since"], records, pending)
        except (KeyError, TypeError) as error:
            raise _damaged(key) from error

    def retaining(self, keep: int, record: Record | None = None) -> tuple[Record, ...]:
        """No more than `keep` of the list, with `record` in front; what serves now is always among them.

        Releases that were given up do not count, and go when a second one after them has served: by then
        nobody has a page of theirs open.
        """
        front = (record,) if record else ()
        others = [each for each in self.releases if record is None or each.id != record.id]
        complete = [each for each in others if each.complete]
        serving = [each for each in complete if each.id == self.release]
        rest = [each for each in complete if each.id != self.release]
        stay = {each.id for each in (serving + rest)[: keep - len(front)]}
        newer = len(front)
        for each in others:
            newer += each.complete
            if not each.complete and newer < _GIVEN_UP_STAY:
                stay.add(each.id)
        return (*front, *(each for each in others if each.id in stay))

    def without_pending(self) -> Pointer:
        """The same, with nobody at work."""
        return replace(self, pending=None)


class Keys:
    """Where things are in the bucket."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.ours = prefix + OURS
        self.pointer = f"{self.ours}current.json"
        self.releases = f"{self.ours}releases/"
        self.kept_below = f"{self.ours}kept/"

    def of(self, path: str) -> str:
        """The key of a file of the site."""
        return self.prefix + path

    def manifest(self, release: str) -> str:
        """The key of a release's manifest."""
        return f"{self.releases}{release}.json"

    def kept(self, md5: str) -> str:
        """The key of content that was replaced at its own."""
        return self.kept_below + md5

    def all(self, paths: Iterable[str]) -> list[str]:
        """The keys of files."""
        prefix = self.prefix
        return [prefix + path for path in paths]


def _headers_to_json(headers: Headers) -> dict[str, object]:
    return {name: value for name, value in to_builtins(headers).items() if value}


def _headers_from_json(value: dict[str, Any]) -> Headers:
    metadata = tuple((str(name), str(text)) for name, text in value.pop("metadata", ()))
    return Headers(metadata=metadata, **value)


def _parse(text: bytes, key: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _damaged(key) from error
    if not isinstance(value, dict):
        raise _damaged(key)
    if value.get("format") != FORMAT:
        raise SiteDamaged(
            f"{key} has format {value.get('format')!r}, and this deployer knows {FORMAT}",
            remedy="use the newer deployer that wrote it",
        )
    return value


def _damaged(key: str) -> SiteDamaged:
    return SiteDamaged(
        f"{key} in the bucket is not what a deployer writes",
        remedy="restore an earlier version of the object, or delete it and deploy again",
    )
