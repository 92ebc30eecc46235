"""What a deploy, a rollback or a prune would do: a pure function of what is on disk and in the bucket.

Every file has a reason:

    new        no retained release has it, nor has the bucket
    changed    its content is another than in the current release
    headers    its content is the same, its headers are not
    missing    the current release has it, but somebody deleted it from the bucket
    edited     somebody changed it in the bucket
    stale      nothing that is retained names it: it is deleted
    removed    a page that the release does not have any more: it is deleted, though its content is kept
    kept       the release does not have it, but an earlier one that is retained does

A file is compared by its content (MD5) with the manifest of the current release, and the manifest with what
the bucket lists. Modification times mean nothing: after a checkout all of them are new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import quote

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.site.files import LocalFile
from deployer.site.headers import Treatment
from deployer.site.manifest import Entry, Manifest
from deployer.site.media import HTML, is_page
from deployer.site.store import Found, Headers, Listed

Reason = Literal["new", "changed", "headers", "missing", "edited"]
Phase = Literal["asset", "file", "page"]
"""asset: nobody knows its name before a page of the new release says it; file: known by a name that stays;
page: what visitors open. They are sent in this order."""

Treat = Callable[[str], Treatment]


class Bucket(Struct):
    """What is known of the bucket: all paths without the prefix.

    :ivar listing: the site's files; None where the manifest is trusted instead.
    :ivar kept: MD5s of the kept content, with the sizes and etags as listed.
    :ivar manifests: ids of the manifests that are there.
    :ivar found: headers that were asked for, where no manifest tells them.
    """

    listing: dict[str, Listed] | None
    kept: dict[str, Listed] = field(default_factory=dict)
    manifests: tuple[str, ...] = ()
    found: Mapping[str, Found] = field(default_factory=dict)


class Sending(NamedTuple):
    """A file to send.

    :ivar entry: what it will be in the bucket; where it is compressed, its content is not known yet.
    :ivar before: etag of what is at its key now; None where nothing is.
    """

    file: LocalFile
    entry: Entry
    reason: Reason
    phase: Phase
    before: str | None


class Moving(NamedTuple):
    """Content to put at a path from inside the bucket; `source` is a path, or an MD5 of kept content."""

    path: str
    entry: Entry
    reason: Reason
    phase: Phase
    kept: bool
    before: str | None


class Keeping(NamedTuple):
    """Content to keep, since it is about to be replaced at its own key."""

    path: str
    entry: Entry


class Deletion(NamedTuple):
    """A file to delete."""

    path: str
    size: int
    reason: Literal["stale", "removed"]


class Retained(NamedTuple):
    """A file that is left, though the release does not have it; `by` names the release that does."""

    path: str
    size: int
    by: str


class Plan(Struct):
    """What is to be done, in the order of its fields; `files` is the whole release afterwards.

    :ivar unsure: paths whose content is right and whose headers nobody knows: ask, and plan again.
    :ivar changed: paths that visitors may have got in another state before.
    :ivar gone: paths that the current release has, and this one does not.
    :ivar lost: paths whose content is nowhere any more.
    :ivar fresh: whether it is another release than the current one, rather than that one to be mended.
    :ivar conflicts: files that are named as if by their content, but are not.
    """

    files: dict[str, Entry] = field(default_factory=dict)
    sends: list[Sending] = field(default_factory=list)
    moves: list[Moving] = field(default_factory=list)
    keeps: list[Keeping] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    retained: list[Retained] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unchanged: int = 0
    present: int = 0
    fresh: bool = False

    @property
    def same(self) -> bool:
        """Whether what is served is what is wanted already; there may still be something to clear away."""
        return not (self.sends or self.moves or self.changed or self.gone)

    @property
    def sending(self) -> int:
        """Bytes to send, before compression."""
        return sum(sending.file.size for sending in self.sends)

    def of(self, phase: Phase) -> list[Sending]:
        """What is sent in a phase."""
        return [sending for sending in self.sends if sending.phase == phase]


def plan_deploy(
    files: Sequence[LocalFile],
    treat: Treat,
    bucket: Bucket,
    retained: Sequence[Manifest],
    *,
    current: str | None,
) -> Plan:
    """What makes the bucket hold `files`.

    :param retained: the manifests of the releases that are retained, newest first.
    :param current: the release that serves; its manifest is among `retained`.
    """
    comparison = _Comparison(bucket, retained, current)
    for file in files:
        comparison.add(file, treat(file.path))
    return comparison.plan()


class _Comparison:
    """One file after the other, each with what the bucket and the manifests know of it."""

    def __init__(self, bucket: Bucket, retained: Sequence[Manifest], current: str | None) -> None:
        self._bucket = bucket
        self._retained = retained
        self._serving = _files_of(current, retained)
        self._others = [manifest.files for manifest in retained if manifest.release != current]
        self._plan = Plan()

    def add(self, file: LocalFile, treatment: Treatment) -> None:
        """Decide about a file."""
        path, plan, listing = file.path, self._plan, self._bucket.listing
        headers = _redirecting(treatment.headers, file.redirect) if file.redirect else treatment.headers
        source = file.md5.hex()
        entry = self._serving.get(path)
        listed = listing.get(path) if listing is not None else _trusted(path, entry)
        found = self._bucket.found.get(path)
        same = entry is not None and entry.source == source and _equal(entry.headers, headers)
        there = entry is not None and listed is not None and listed.etag == entry.etag
        plan.fresh = plan.fresh or not same
        if entry is not None and same and there and (found is None or shows(found.headers, headers)):
            plan.files[path] = entry
            plan.unchanged += 1
            return
        plan.changed.append(path)
        # A release before the current one has it, or one that was given up half-way.
        known = _known(path, source, headers, listed, self._others) if entry is None else None
        wanted = _wanted(file, source, headers)
        if known is None and not there and listed is not None and listed.etag == wanted.etag:
            if found is None:
                plan.unsure.append(path)
            elif shows(found.headers, headers):
                known = wanted
        if known is not None:
            plan.files[path] = known
            plan.unchanged += 1
            return
        reason = _reason(entry, source, listed, same=same)
        self._send(file, wanted, reason, treatment, listed.etag if listed else None)

    def plan(self) -> Plan:
        """The plan, once every file was added."""
        plan, listing = self._plan, self._bucket.listing
        plan.gone = [path for path in self._serving if path not in plan.files]
        plan.fresh = plan.fresh or bool(plan.gone)
        plan.present = len(listing) if listing is not None else len(self._serving)
        replaced = [(sending.file.path, sending.before) for sending in plan.sends]
        _keep_what_is_replaced(plan, replaced, self._bucket, self._retained)
        return plan

    def _send(
        self, file: LocalFile, wanted: Entry, reason: Reason, treatment: Treatment, before: str | None
    ) -> None:
        plan, path = self._plan, file.path
        phase = _phase(wanted.headers, hashed=treatment.hashed)
        if phase == "asset" and _taken(path, wanted.source, self._retained):
            plan.conflicts.append(path)
            phase = "file"
        plan.files[path] = wanted
        if reason in ("headers", "edited") and before == wanted.etag == wanted.md5:
            # The bucket copies it onto itself: nothing is sent. Visitors know it already, hashed or not.
            seen = _phase(wanted.headers, hashed=False)
            plan.moves.append(Moving(path, wanted, reason, seen, kept=False, before=before))
        else:
            plan.sends.append(Sending(file, wanted, reason, phase, before))


def plan_return(
    target: Manifest, bucket: Bucket, retained: Sequence[Manifest], *, current: str | None
) -> Plan:
    """What makes the bucket hold a release again, from what it holds itself.

    `lost` names the files whose content is nowhere any more.
    """
    plan = Plan(files=dict(target.files))
    listing = bucket.listing or {}
    serving = _files_of(current, retained)
    for path, entry in target.files.items():
        listed = listing.get(path)
        before = serving.get(path)
        right = listed is not None and listed.etag == entry.etag
        found = bucket.found.get(path)
        shown = found is None or shows(found.headers, entry.headers)
        if (
            right
            and shown
            and before is not None
            and _equal(before.headers, entry.headers)
            and before.etag == entry.etag
        ):
            plan.unchanged += 1
            continue
        asset = entry.headers.cache_control.endswith("immutable") and before is None
        if right and shown and (asset or found is not None):
            # Nobody gives other headers to what is named by its content.
            plan.unchanged += 1
            continue
        plan.changed.append(path)
        reason: Reason = "changed" if before else "new"
        if right:
            seen = _phase(entry.headers, hashed=False)
            plan.moves.append(Moving(path, entry, "headers", seen, kept=False, before=entry.etag))
        elif _is_kept(entry, bucket):
            etag = listed.etag if listed else None
            plan.moves.append(Moving(path, entry, reason, _phase(entry.headers), kept=True, before=etag))
        else:
            plan.lost.append(path)
    plan.present = len(listing)
    _keep_what_is_replaced(
        plan, [(move.path, move.before) for move in plan.moves if move.kept], bucket, retained
    )
    for path, listed in listing.items():
        served = serving.get(path)
        if path not in target.files and served is not None and is_page(served.headers.content_type):
            _remove_page(plan, path, listed, bucket, retained)
    return plan


def plan_clearing(
    plan: Plan, bucket: Bucket, retained: Sequence[Manifest], ignored: Callable[[str], bool]
) -> Plan:
    """Add to a plan what nobody needs once its release serves.

    :param retained: the manifests that stay, newest first, and without the plan's own release.
    :param ignored: what is not ours to touch.
    """
    for path, listed in (bucket.listing or {}).items():
        if path in plan.files:
            continue
        by = next((manifest for manifest in retained if path in manifest.files), None)
        if by is None:
            if not ignored(path):
                plan.deletions.append(Deletion(path, listed.size, "stale"))
        elif is_page(by.files[path].headers.content_type):
            _remove_page(plan, path, listed, bucket, retained)
        else:
            plan.retained.append(Retained(path, listed.size, by.release))
    return plan


def unneeded_kept(bucket: Bucket, manifests: Iterable[Manifest]) -> list[str]:
    """MD5s of kept content that no release of `manifests` has."""
    if not bucket.kept:
        return []
    needed = {entry.md5 for manifest in manifests for entry in manifest.files.values()}
    return [md5 for md5 in bucket.kept if md5 not in needed]


def excessive(plan: Plan, limit: str, treat: Treat) -> tuple[int, int] | None:
    """How many files would be deleted and how many may be, where that is too many; None where it is not.

    Hashed files do not count: they come and go with their releases.

    :param limit: `site.delete_limit`, a share or a count.
    """
    allowed = plan.present * int(limit[:-1]) // 100 if limit.endswith("%") else int(limit)
    count = sum(not treat(deletion.path).hashed for deletion in plan.deletions)
    return (count, allowed) if count > allowed else None


def reheaded(serving: Mapping[str, Entry], begun: Mapping[str, Entry]) -> list[str]:
    """Paths with other headers in another release: a listing does not show which of them the bucket has."""
    return [
        path
        for path, entry in serving.items()
        if path in begun and not _equal(begun[path].headers, entry.headers)
    ]


def shows(found: Headers, wanted: Headers) -> bool:
    """Whether an object has the headers that it should.

    Not every store knows of redirects; the page that stands in for one works everywhere.
    """
    return found == wanted or (bool(wanted.redirect) and found == replace(wanted, redirect=""))


# -- parts of the comparison ----------------------------------------------------------


def _files_of(release: str | None, manifests: Iterable[Manifest]) -> Mapping[str, Entry]:
    return next((manifest.files for manifest in manifests if manifest.release == release), {})


def _reason(entry: Entry | None, source: str, listed: Listed | None, *, same: bool) -> Reason:
    if entry is None:
        return "new"
    if entry.source != source:
        return "changed"
    if not same:
        return "headers"
    return "missing" if listed is None else "edited"


def _wanted(file: LocalFile, source: str, headers: Headers) -> Entry:
    if headers.content_encoding:
        # What compression makes of it is known when it is sent.
        return Entry(0, "", "", headers, source)
    return Entry(file.size, source, file.etag or source, headers, source)


def _equal(one: Headers, other: Headers) -> bool:
    return one is other or one == other


def _trusted(path: str, entry: Entry | None) -> Listed | None:
    return Listed(path, entry.size, entry.etag) if entry is not None else None


def _known(
    path: str, source: str, headers: Headers, listed: Listed | None, others: Iterable[Mapping[str, Entry]]
) -> Entry | None:
    if listed is None:
        return None
    entry = next((files[path] for files in others if path in files), None)
    if entry is None or entry.etag != listed.etag or entry.source != source:
        return None
    # Others than assets may have got other headers since, by a rollback say.
    immutable = headers.cache_control.endswith("immutable")
    return entry if immutable and _equal(entry.headers, headers) else None


def _phase(headers: Headers, *, hashed: bool | None = None) -> Phase:
    if is_page(headers.content_type):
        return "page"
    if hashed is None:
        hashed = headers.cache_control.endswith("immutable")
    return "asset" if hashed else "file"


def _taken(path: str, source: str, retained: Iterable[Manifest]) -> bool:
    """Whether a retained release has another content at a path that should tell its content."""
    return any(
        entry.source != source
        for entry in (manifest.files.get(path) for manifest in retained)
        if entry is not None
    )


def _redirecting(headers: Headers, target: str) -> Headers:
    cached = headers.cache_control if "immutable" not in headers.cache_control else "no-cache"
    return replace(
        headers,
        content_type=HTML,
        cache_control=cached,
        content_encoding="",
        redirect=quote(target, safe="/:?#[]@!$&'()*+,;=%~"),
    )


def _owner(path: str, etag: str, retained: Iterable[Manifest]) -> Entry | None:
    """What a retained release says of the content that is at a path now."""
    for manifest in retained:
        entry = manifest.files.get(path)
        if entry is not None and entry.etag == etag:
            return entry
    return None


def _keep_what_is_replaced(
    plan: Plan, replaced: Iterable[tuple[str, str | None]], bucket: Bucket, retained: Sequence[Manifest]
) -> None:
    for path, etag in replaced:
        entry = _owner(path, etag, retained) if etag else None
        after = plan.files.get(path)
        if entry is None or _is_kept(entry, bucket) or (after and after.etag == entry.etag):
            continue
        plan.keeps.append(Keeping(path, entry))


def _remove_page(plan: Plan, path: str, listed: Listed, bucket: Bucket, retained: Sequence[Manifest]) -> None:
    _keep_what_is_replaced(plan, [(path, listed.etag)], bucket, retained)
    plan.deletions.append(Deletion(path, listed.size, "removed"))
    plan.changed.append(path)


def _is_kept(entry: Entry, bucket: Bucket) -> bool:
    """Whether content is kept; what somebody put in its place, or half of it, does not count."""
    listed = bucket.kept.get(entry.md5)
    if listed is None or listed.size != entry.size:
        return False
    return listed.etag == entry.md5 or entry.etag != entry.md5


def lines(plan: Plan) -> Iterator[tuple[str, str, int]]:
    """Every file that a plan does something about, or leaves for a reason: reason, path, bytes."""
    for sending in plan.sends:
        yield sending.reason, sending.file.path, sending.file.size
    for move in plan.moves:
        yield move.reason, move.path, move.entry.size
    for deletion in plan.deletions:
        yield deletion.reason, deletion.path, deletion.size
    for kept in plan.retained:
        yield f"kept by {kept.by}", kept.path, kept.size
