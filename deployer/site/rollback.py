"""`deployer site rollback`: an earlier release again, from what the bucket still holds."""

from __future__ import annotations

from msgspec import Struct

from deployer.errors import PreflightError, SiteDamaged, Superseded, UsageError
from deployer.rollout.phases import Phases
from deployer.site.claim import await_turn, locked, read_pointer
from deployer.site.facts import Facts, Observer
from deployer.site.manifest import Pointer, Record
from deployer.site.plan import Plan, plan_return
from deployer.site.work import Change, Result, SiteOperation, inherited

_ATTEMPTS = 3


class Return(Struct):
    """A release to go back to, and what that takes."""

    facts: Facts
    target: Record
    plan: Plan


def choose(pointer: Pointer, to: str | None) -> Record:
    """The release to go back to: the one that is named, by its id or its beginning, else the one before.

    :raises UsageError: there is none, or the name is not clear.
    """
    known = [record for record in pointer.releases if record.complete]
    if to is None:
        return _before(pointer, known)
    found = [record for record in known if record.id == to] or [
        record for record in known if record.id.startswith(to)
    ]
    if len(found) != 1:
        raise UsageError(
            f"'{to}' is the beginning of several releases"
            if found
            else f"there is no release '{to}' of the site",
            details=[record.id for record in known],
            remedy="see `deployer site releases`",
        )
    return found[0]


def _before(pointer: Pointer, known: list[Record]) -> Record:
    """What served before the current release was made; where that is gone, the next older one."""
    current = pointer.record(pointer.release or "")
    if current is not None:
        older = known[known.index(current) + 1 :] if current in known else []
        for record in [*(each for each in known if each.id == current.previous), *older]:
            return record
    raise UsageError("there is no release before the one that serves", remedy="see `deployer site releases`")


def prepare(operation: SiteOperation, to: str | None) -> Return:
    """Gather the facts and plan; nothing is changed. :raises PreflightError: its content is not there."""
    observer = Observer(operation.store, operation.keys, operation.emit)
    facts = observer.look()
    target = choose(facts.pointer, to)
    observer.need(facts, [record.id for record in inherited(facts).releases])
    if target.id not in facts.manifests:
        raise SiteDamaged(
            f"the manifest of {target.id} is missing from the bucket", remedy="deploy it again from its build"
        )
    facts.bucket.found = observer.heads(facts.doubtful)
    retained = facts.of(record.id for record in inherited(facts).releases)
    plan = plan_return(facts.manifests[target.id], facts.bucket, retained, current=facts.pointer.release)
    if plan.lost:
        raise PreflightError(
            f"{target.id} cannot come back: the content of {len(plan.lost)} file(s) is not there any more",
            details=plan.lost[:10],
            remedy="deploy it again from its build, or go back to another: `deployer site releases`",
        )
    return Return(facts, target, plan)


def rollback(operation: SiteOperation, to: str | None) -> Result:
    """Make an earlier release the site again.

    :param to: its id, or the beginning of it; None for the one before.
    :raises Locked: somebody else is at it.
    """
    phases = Phases(operation.emit)
    store, keys = operation.store, operation.keys
    for _ in range(_ATTEMPTS):
        with phases.phase("compare", "looking up what the bucket holds"):
            found = prepare(operation, to)
        facts = found.facts
        if await_turn(store, keys, facts.seen, operation.lock_wait, operation.emit).etag != facts.seen.etag:
            continue
        try:
            return _return(operation, found, phases)
        except Superseded:
            if read_pointer(store, keys).etag == facts.seen.etag:
                raise
    raise locked(read_pointer(store, keys).pointer.pending)


def _return(operation: SiteOperation, found: Return, phases: Phases) -> Result:
    facts, plan, release = found.facts, found.plan, found.target.id
    result = Result(
        "rollback",
        facts.pointer.release,
        facts.pointer.release,
        files=len(plan.files),
        unchanged=plan.unchanged,
    )
    change = Change(operation, facts, plan, phases, result)
    with change.claimed("rollback", release):
        change.plan_invalidation()
        change.send_assets()
        change.keep()
        change.publish()
        change.learn_etags(facts.manifests[release])
        doomed = change.keys.all(deletion.path for deletion in plan.deletions)
        change.point(inherited(facts), release, more=bool(doomed or result.invalidation))
        change.invalidate()
        change.clear(doomed)
        change.end()
    result.outcome = "done"
    result.duration_s = round(phases.elapsed(), 3)
    result.phases = phases.finished
    return result
