"""One change of the site, from the claim to the last file that is cleared away.

The order keeps the site whole at every instant:

    claim      the pointer says who is at work (compare-and-swap); nobody else may change anything now
    assets     files that nobody knows yet: no page names them
    keep       content that is about to be replaced, copied aside: the way back
    manifest   what the release consists of; from here on it can be told from rubbish
    publish    the claim is checked; files with names that stay, then pages, the site's own page last
    point      the pointer names the release (compare-and-swap)
    invalidate the distribution forgets what has changed
    clear      what no retained release names is deleted

Killed before `publish`, no visitor has noticed. Killed later, each page is still the old or the new one as a
whole, with all that it refers to; whoever comes next finds `pending` in the pointer, finishes or replaces
what was begun, and retains the files of a release that was given up, for those who have a page of it open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from deployer.config.sections.site import Site
from deployer.errors import CloudError, CloudUnreachable, DeployerError, LockLost, Superseded
from deployer.events import Emit, Invalidated, Repaired, SiteReleased, Warned
from deployer.interrupts import shielded
from deployer.rollout.phases import Phases
from deployer.site import transfer
from deployer.site.claim import Claim, this_process
from deployer.site.distribution import Distribution, changed_paths, wanted_invalidation
from deployer.site.facts import Facts, Observer
from deployer.site.invalidation import Invalidation
from deployer.site.manifest import JSON, Keys, Manifest, Pending, Pointer, Record
from deployer.site.plan import Moving, Plan, Sending, plan_return, reheaded, unneeded_kept
from deployer.site.store import Headers, Store, Upload

Kind = Literal["deploy", "rollback", "prune"]

SMALL = 8 * 1024**2
"""Bytes up to which a page is written with If-Match, which takes it in one piece."""
_AT_ONCE = 8
_ATTEMPTS = 5


class SiteOperation(Struct, frozen=True):
    """What every command that changes the site is given.

    :ivar root: the config's folder.
    :ivar lock_wait: seconds to wait while somebody else is at it.
    :ivar distribution: what tells the distribution; None where there is none.
    :ivar api_prefix: what the service answers, and not the site.
    """

    site: Site
    root: Path
    store: Store
    emit: Emit
    distribution: Distribution | None = None
    lock_wait: float = 0.0
    api_prefix: str = "/api/"

    @property
    def keys(self) -> Keys:
        """Where things are in the bucket."""
        return Keys(self.site.prefix)

    def forgotten(self, request: str) -> bool:
        """Whether the distribution has forgotten what it was asked to; a warning says why not.

        The release serves, and the distribution goes on by itself: nothing that happens here is a failure.
        """
        if self.distribution is None:
            return True
        seconds = self.site.invalidation_wait
        try:
            if self.distribution.wait(request, seconds):
                return True
            why = f"{request} is not done after {seconds:.0f} s"
        except CloudError as error:
            why = f"whether {request} is done cannot be seen: {error.message}"
        self.emit(Warned(f"{why}; the distribution goes on by itself"))
        return False


class Result(Struct):
    """What a command came to; `--json` ends with it.

    :ivar outcome: unchanged, done, or failed.
    :ivar sent: bytes sent to the bucket.
    """

    kind: Kind
    release: str | None = None
    previous: str | None = None
    outcome: str = "failed"
    files: int = 0
    uploaded: int = 0
    copied: int = 0
    deleted: int = 0
    unchanged: int = 0
    sent: int = 0
    invalidation: list[str] = field(default_factory=list)
    invalidation_id: str | None = None
    cost: float = 0.0
    duration_s: float = 0.0
    phases: list[dict[str, object]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


class Change:
    """A plan being done, with the way back at every point."""

    def __init__(
        self, operation: SiteOperation, facts: Facts, plan: Plan, phases: Phases, result: Result
    ) -> None:
        self.operation = operation
        self.site = operation.site
        self.store = operation.store
        self.keys = operation.keys
        self.emit = operation.emit
        self.facts = facts
        self.plan = plan
        self.phases = phases
        self.result = result
        self.observer = Observer(operation.store, self.keys, operation.emit)
        self.claim = Claim(operation.store, self.keys, facts.seen)
        self.reference = ""
        """Under which the distribution is told: of one change only, and the same for who has to end it."""
        self.restored: set[str] = set()
        """Paths that the distribution may have got while a release was begun that does not serve now."""

    @contextmanager
    def claimed(self, kind: Kind, release: str, *, step: str = "preparing") -> Iterator[None]:
        """The right to change the site, for as long as the block lasts.

        :raises Superseded: the site was changed since the facts were gathered.
        """
        from deployer.host.lock import identity
        from deployer.rollout.release import now

        left = self.facts.pointer.pending
        pending = Pending(
            release=release,
            kind=kind,
            step=step,
            who=identity(),
            since=now(),
            token=os.urandom(8).hex(),
            process=this_process(),
            invalidate=left.invalidate if left else (),
            reference=left.reference if left else "",
        )
        self.reference = f"{release}-{pending.token}"
        self.claim.take(pending, inherited(self.facts))
        try:
            if left is not None:
                self.emit(Repaired(f"taking over from {left}, who did not get to the end"))
            yield
        except BaseException as error:
            with shielded():
                self._give_up(error)
            raise
        finally:
            self.claim.close()

    # -- what a deploy consists of -----------------------------------------

    def send_assets(self) -> None:
        """What no page names yet."""
        self._send("assets", "assets", self.plan.of("asset"))
        self._move([move for move in self.plan.moves if move.phase == "asset"])

    def keep(self) -> None:
        """Copy aside what is about to be replaced."""
        keeps = self.plan.keeps
        if not keeps:
            return
        with self.phases.phase("keep", f"keeping {_count(keeps, 'replaced file')} for the way back"):
            self._each(
                lambda keeping: self.store.copy(
                    self.keys.of(keeping.path), self.keys.kept(keeping.entry.md5), keeping.entry.headers
                ),
                keeps,
            )
            self.result.copied += len(keeps)

    def write_manifest(self, manifest: Manifest) -> None:
        """Say what the release consists of."""
        with self.phases.phase("manifest", f"writing the manifest of {manifest.release}"):
            self.store.write(self.keys.manifest(manifest.release), manifest.to_json(), JSON)

    def publish(self) -> None:
        """Replace what visitors see: the site's own page is the last."""
        with self.phases.phase("publish", "replacing files and pages"):
            self.claim.step("publishing", self.result.invalidation)
            self._send("publish", "files", self.plan.of("file"), told=False)
            self._move([move for move in self.plan.moves if move.phase == "file"])
            self._put_pages()

    def point(self, pointer: Pointer, release: str, *, more: bool) -> None:
        """Say that the release serves; with nothing left to do, that is the end of the claim too."""
        from deployer.rollout.release import now

        pending = self.claim.pointer.pending
        assert pending is not None  # noqa: S101  (we hold the claim)
        pending = replace(
            pending,
            step="finishing",
            invalidate=tuple(self.result.invalidation),
            reference=self.reference if self.result.invalidation else "",
        )
        since = pointer.since if pointer.release == release else now()
        self.claim.set(replace(pointer, release=release, since=since, pending=pending if more else None))
        self.result.release = release
        if release != pointer.release:
            self.emit(SiteReleased(release, self.result.previous))

    def plan_invalidation(self) -> None:
        """Work out what the distribution must forget, with what a killed command did not get to say.

        Before anything is replaced, since it asks the distribution, which may refuse that.
        """
        chosen, asked = wanted_invalidation(
            self.site, self.operation.distribution, self.facts, self.plan, self.restored
        )
        self.reference = asked or self.reference
        self.result.invalidation, self.result.cost = list(chosen.paths), chosen.cost

    def invalidate(self) -> None:
        """Let the distribution forget what has changed; it is asked once, however often we try."""
        distribution, paths = self.operation.distribution, tuple(self.result.invalidation)
        if distribution is None or not paths:
            return
        with self.phases.phase("invalidate", f"invalidating {_count(paths, 'path')}"):
            wanted = Invalidation(paths, self.result.cost)
            request = distribution.invalidate(wanted, self.reference)
            self.result.invalidation_id = request
        self.emit(Invalidated(request, len(paths), self.result.cost))

    def doomed(self, manifests: Sequence[Manifest], pointer: Pointer) -> list[str]:
        """The keys of what no release needs.

        :param manifests: of all that are retained, the current one too.
        :param pointer: that names them.
        """
        keys = self.keys
        doomed = keys.all(deletion.path for deletion in self.plan.deletions)
        if len(manifests) >= len(
            pointer.releases
        ):  # else a manifest is missing, and what it needs is not known
            doomed += [keys.kept(md5) for md5 in unneeded_kept(self.facts.bucket, manifests)]
        stay = {record.id for record in pointer.releases}
        return doomed + [keys.manifest(each) for each in self.facts.bucket.manifests if each not in stay]

    def clear(self, doomed: Sequence[str]) -> None:
        """Delete what no release needs."""
        if not doomed:
            return
        with self.phases.phase("clear", f"deleting {_count(doomed, 'object')} that nothing needs"):
            self.claim.check()
            self.store.delete(doomed)
            self.result.deleted = len(self.plan.deletions)

    def learn_etags(self, manifest: Manifest) -> Manifest:
        """Note the etags that could not be foreseen.

        Those of all objects, where the bucket encrypts with a key of its owner's; and those of copies whose
        source was sent in parts, since a copy is in one piece.
        """
        if self.claim.plain_etags and all(move.entry.etag == move.entry.md5 for move in self.plan.moves):
            return manifest
        listing = self.observer.list(self.keys.all(manifest.files)).listing or {}
        files = {
            path: entry._replace(etag=listing[path].etag) if path in listing else entry
            for path, entry in manifest.files.items()
        }
        manifest = Manifest(manifest.release, files)
        self.write_manifest(manifest)
        return manifest

    def end(self) -> None:
        """Nobody is at work any more."""
        if self.claim.pointer.pending is not None:
            self.claim.set(self.claim.pointer.without_pending())

    @contextmanager
    def compressed(self) -> Iterator[None]:
        """Within: what is to be sent compressed lies in a folder that goes away afterwards."""
        if not any(sending.entry.headers.content_encoding for sending in self.plan.sends):
            yield
            return
        import tempfile

        with tempfile.TemporaryDirectory(prefix="deployer-site-") as folder:
            transfer.compress(self.plan, Path(folder))
            yield

    # -- parts -------------------------------------------------------------

    def _send(self, name: str, what: str, sends: list[Sending], *, told: bool = True) -> None:
        if not sends:
            return
        meter = transfer.Meter(sends, lambda text: self.phases.progress(name, text))
        if told:
            with self.phases.phase(name, f"sending {len(sends):,} {what}"):
                self.store.upload(self._uploads(sends), progress=meter)
        else:
            self.store.upload(self._uploads(sends), progress=meter)
        self.result.uploaded += len(sends)
        self.result.sent += meter.bytes

    def _uploads(self, sends: list[Sending]) -> Iterator[Upload]:
        for upload in transfer.uploads(sends, self.keys):
            self.claim.assure()
            yield upload

    def _move(self, moves: list[Moving]) -> None:
        def copy(move: Moving) -> None:
            target = self.keys.of(move.path)
            source = self.keys.kept(move.entry.md5) if move.kept else target
            self.store.copy(source, target, move.entry.headers)

        self._each(copy, moves)
        self.result.copied += len(moves)

    def _put_pages(self) -> None:
        pages: list[Sending | Moving] = [*self.plan.of("page")]
        pages += [move for move in self.plan.moves if move.phase == "page"]
        index = self.site.index
        self._each(self._put_page, [page for page in pages if _path(page) != index])
        self._each(self._put_page, [page for page in pages if _path(page) == index])

    def _put_page(self, page: Sending | Moving) -> None:
        path = _path(page)
        key, entry = self.keys.of(path), page.entry
        if isinstance(page, Sending):
            if page.file.size > SMALL:
                self.store.upload([transfer.upload_of(page, self.keys)])
            else:
                self._write(key, transfer.content(page), entry.headers, page.before)
            self.result.uploaded += 1
            self.result.sent += page.file.size
            return
        self.result.copied += 1
        source = self.keys.kept(entry.md5) if page.kept else key
        found = self.store.read(source) if entry.size <= SMALL and entry.etag == entry.md5 else None
        if found is None or found[1] != entry.md5:
            self.store.copy(source, key, entry.headers)
        else:
            self._write(key, found[0], entry.headers, page.before)

    def _write(self, key: str, body: bytes, headers: Headers, before: str | None) -> None:
        """Replace an object that nobody but us may change, and see whether somebody has.

        Somebody who lost the right may still have had a page in his hand: it is replaced by ours. Where it is
        we who lost it, `check` says so.
        """
        for attempt in range(_ATTEMPTS):
            try:
                if before is None:
                    self.store.write(key, body, headers, if_absent=True)
                else:
                    self.store.write(key, body, headers, if_match=before)
                return
            except Superseded:
                if attempt == _ATTEMPTS - 1:
                    raise
                self.claim.check()
                found = self.store.head(key)
                before = found.etag if found else None

    def _each(self, do: Callable[[Any], None], items: Sequence[Any]) -> None:
        def fenced(item: Any) -> None:
            self.claim.assure()
            do(item)

        if len(items) == 1:
            fenced(items[0])
        elif items:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(len(items), self.site.parallel or _AT_ONCE)) as pool:
                list(pool.map(fenced, items))

    # -- the way back ------------------------------------------------------

    def _give_up(self, error: BaseException) -> None:
        """Leave the site as it was, where that can be done, and the claim to whoever comes next."""
        claim = self.claim
        pending = claim.pointer.pending
        if not claim.held or pending is None:
            return
        if isinstance(error, CloudUnreachable):
            self.emit(Warned("the bucket does not answer: the next deploy or rollback puts things right"))
            return
        try:
            if pending.step == "preparing":
                # Nobody has seen anything of it. What a killed command left is left to the next one.
                claim.set(self.facts.pointer)
                return
            if pending.step == "publishing":
                self.restore()
            claim.leave()
        except LockLost:
            return  # whoever took it over puts things right
        except DeployerError as failure:
            self.emit(
                Warned(f"cleaning up failed ({failure.message}); the next deploy or rollback finishes it")
            )

    def restore(self) -> None:
        """Put the pages and the files of the release that serves back in place. The claim is held."""
        target = self.facts.manifests.get(self.facts.pointer.release or "")
        if target is None:
            return  # a first release: half of it is better than nothing, and there is nothing else
        others = [each for each in self.facts.manifests.values() if each is not target]
        bucket = self.observer.list()
        bucket.found = self.observer.heads([*reheaded(target.files, self.plan.files), *self.facts.doubtful])
        plan = plan_return(target, bucket, [target, *others], current=target.release)
        if plan.lost:
            self.emit(Warned(f"the content of {', '.join(plan.lost[:5])} is nowhere any more: deploy again"))
        before, self.plan = self.plan, plan
        if self.operation.distribution is not None:
            # By the headers of either: those that were given up may have let caches keep a page for any path.
            for each in (plan, replace(before, changed=plan.changed)):
                self.restored.update(changed_paths(each, self.site))
        try:
            self.claim.step("publishing", self.restored)
            self._move([move for move in plan.moves if move.phase != "page"])
            self._put_pages()
            self.learn_etags(target)
        finally:
            self.plan = before
        self.emit(Repaired(f"the site is {target.release} again"))


def inherited(facts: Facts) -> Pointer:
    """The pointer, with a release that was given up half-way among those that are retained.

    Somebody may have a page of it open, and its files are there.
    """
    pointer, pending = facts.pointer, facts.pointer.pending
    if pending is None or pending.kind != "deploy" or pointer.record(pending.release):
        return pointer
    if pending.release not in facts.bucket.manifests:
        return pointer
    record = Record(pending.release, pending.since, pending.who, files=0, size=0, complete=False)
    return replace(pointer, releases=(record, *pointer.releases))


def _path(page: Sending | Moving) -> str:
    return page.file.path if isinstance(page, Sending) else page.path


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things):,} {name}{'' if len(things) == 1 else 's'}"
