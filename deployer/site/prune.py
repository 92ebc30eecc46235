"""`deployer site prune`: delete what no retained release needs, and put right what a killed command left."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from deployer.config.sections.site import Site
from deployer.errors import CloudError, PreflightError, Superseded
from deployer.events import Note, Warned
from deployer.rollout.phases import Phases
from deployer.site.claim import await_turn, locked, read_pointer
from deployer.site.facts import Facts, Observer
from deployer.site.headers import Rules
from deployer.site.manifest import Manifest, Pointer
from deployer.site.patterns import compile_patterns
from deployer.site.plan import Plan, excessive, plan_clearing, unneeded_kept
from deployer.site.work import Change, Result, SiteOperation, inherited

_ATTEMPTS = 3


class Pruning(Struct):
    """What may go.

    :ivar pointer: as it will be, without the releases that are no longer retained.
    :ivar manifests: of those that are, the current one too.
    """

    facts: Facts
    plan: Plan
    pointer: Pointer
    manifests: list[Manifest]

    @property
    def gone(self) -> list[str]:
        """Releases that are no longer retained."""
        stay = {record.id for record in self.pointer.releases}
        return [record.id for record in self.facts.pointer.releases if record.id not in stay]

    @property
    def kept(self) -> list[str]:
        """MD5s of kept content that nothing needs any more."""
        return unneeded_kept(self.facts.bucket, self.manifests)

    @property
    def nothing(self) -> bool:
        """Whether everything is as it should be."""
        same = self.pointer.releases == self.facts.pointer.releases
        return same and not self.plan.deletions and not self.kept and self.facts.pointer.pending is None


def prepare(operation: SiteOperation, keep: int | None, delete_limit: str | None = None) -> Pruning:
    """Gather the facts and plan; nothing is changed.

    :param keep: releases to retain in place of `site.keep_releases`.
    :raises PreflightError: too much would be deleted.
    """
    site: Site = operation.site
    observer = Observer(operation.store, operation.keys, operation.emit)
    facts = observer.look()
    pointer = inherited(facts)
    observer.need(facts, [record.id for record in pointer.releases])
    current = facts.manifests.get(pointer.release or "")
    plan = Plan(files=dict(current.files) if current else {}, present=len(facts.bucket.listing or {}))
    pointer = replace(pointer, releases=pointer.retaining(keep or site.keep_releases))
    manifests = facts.of(record.id for record in pointer.releases)
    if current is not None:
        plan_clearing(plan, facts.bucket, manifests, compile_patterns(site.ignore))
    limit = delete_limit or site.delete_limit
    excess = excessive(plan, limit, Rules(site).of)
    if excess is not None:
        raise PreflightError(
            f"{excess[0]} of the {plan.present} files in the bucket would be deleted, and {limit} may be",
            details=[f"{deletion.reason} {deletion.path}" for deletion in plan.deletions[:10]],
            remedy="if they may all go: --delete-limit 100%",
        )
    return Pruning(facts, plan, pointer, manifests)


def _sweep(operation: SiteOperation) -> None:
    """Delete what killed uploads left; it only costs money, so not to have the right is no failure."""
    try:
        swept = operation.store.sweep(operation.keys.prefix)
    except CloudError as error:
        operation.emit(Warned(f"what killed uploads may have left is still there: {error.message}"))
        return
    if swept:
        operation.emit(Note(f"deleted what was left of {swept} upload(s) that were killed"))


def prune(operation: SiteOperation, keep: int | None, delete_limit: str | None = None) -> Result:
    """Delete what `prepare` finds.

    :raises Locked: somebody else is at it.
    """
    phases = Phases(operation.emit)
    store, keys = operation.store, operation.keys
    _sweep(operation)
    for _ in range(_ATTEMPTS):
        with phases.phase("compare", "looking up what the bucket holds"):
            found = prepare(operation, keep, delete_limit)
        facts = found.facts
        current = facts.pointer.release
        result = Result("prune", current, current, outcome="unchanged", files=len(found.plan.files))
        if found.nothing or current is None:
            return result
        if await_turn(store, keys, facts.seen, operation.lock_wait, operation.emit).etag != facts.seen.etag:
            continue
        change = Change(operation, facts, found.plan, phases, result)
        left = facts.pointer.pending
        torn = left is not None and left.step == "publishing"
        try:
            with change.claimed("prune", current, step="publishing" if torn else "finishing"):
                if torn:
                    change.restore()
                change.keep()
                change.plan_invalidation()
                doomed = change.doomed(found.manifests, found.pointer)
                change.point(found.pointer, current, more=bool(doomed or result.invalidation))
                change.invalidate()
                change.clear(doomed)
                change.end()
        except Superseded:
            if read_pointer(store, keys).etag == facts.seen.etag:
                raise
            continue
        result.outcome = "done"
        result.duration_s = round(phases.elapsed(), 3)
        result.phases = phases.finished
        return result
    raise locked(read_pointer(store, keys).pointer.pending)
