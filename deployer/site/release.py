"""`deployer site deploy`: from a folder on disk to a release that is served."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from deployer.errors import DeployerError, Interrupted, PreflightError, Superseded
from deployer.events import Warned
from deployer.rollout.phases import Phases
from deployer.site import files
from deployer.site.aside import Aside
from deployer.site.claim import await_turn, locked, read_pointer
from deployer.site.facts import Facts, Observer
from deployer.site.files import Scan
from deployer.site.headers import Rules
from deployer.site.manifest import Manifest, Pointer, Record
from deployer.site.patterns import compile_patterns
from deployer.site.plan import Plan, excessive, plan_clearing, plan_deploy
from deployer.site.work import Change, Result, SiteOperation, inherited

_ATTEMPTS = 3
"""How often a deploy begins anew because somebody else has just changed the site."""

_SHOWN = 10


class Choices(Struct, frozen=True):
    """What the command line says about one deploy.

    :ivar trust_manifest: take the manifest's word for what is in the bucket, without listing it: faster, but
        what somebody changed by hand is not found, and nothing is cleared away.
    :ivar check_headers: ask for the headers of every file, to find what somebody changed by hand.
    :ivar delete_limit: in place of `site.delete_limit`.
    """

    trust_manifest: bool = False
    check_headers: bool = False
    delete_limit: str | None = None


class Prepared(Struct):
    """What is on disk and in the bucket, and what follows from it.

    :ivar stay: the manifests that are still retained afterwards, newest first, without the new release's.
    """

    facts: Facts
    plan: Plan
    stay: list[Manifest]


def prepare(operation: SiteOperation, choices: Choices) -> Prepared:
    """Gather the facts and plan; nothing is changed.

    :raises PreflightError: the build, or what would be deleted, is not as it should be.
    """
    site = operation.site
    observer = Observer(operation.store, operation.keys, operation.emit)
    with Aside(lambda: files.scan(site, operation.root).packed()) as scanning:
        try:
            facts = observer.look(listing=not choices.trust_manifest)
        except Interrupted:
            raise
        except DeployerError:
            scanning.result()  # what is wrong on this side is said first
            raise
        scan = Scan.of(scanning.result())
    rules = Rules(site)
    current = facts.pointer.release
    plan = plan_deploy(scan.files, rules.of, facts.bucket, facts.of([current or ""]), current=current)
    if plan.same and not choices.check_headers and _nothing_else(facts, plan):
        return Prepared(facts, plan, [])
    for doubt in scan.doubts:
        operation.emit(Warned(doubt))
    pointer = inherited(facts)
    observer.need(facts, [record.id for record in pointer.releases])
    retained = facts.of(record.id for record in pointer.releases)

    def planned() -> Plan:
        return plan_deploy(scan.files, rules.of, facts.bucket, retained, current=current)

    plan = planned()
    asked = list(plan.files) if choices.check_headers else [*plan.unsure, *facts.doubtful]
    if asked:
        facts.bucket.found = observer.heads(asked)
        plan = planned()
    front = Record("", "", "", 0, 0) if plan.fresh else None
    stay = facts.of(record.id for record in pointer.retaining(site.keep_releases, front))
    if current is not None:
        # What was there before the first release stays until the second: its pages are open somewhere.
        plan_clearing(plan, facts.bucket, stay, compile_patterns(site.ignore))
        _refuse_excess(plan, choices.delete_limit or site.delete_limit, rules)
    for path in plan.conflicts:
        operation.emit(
            Warned(
                f"{path} is named as if by its content (site.hashed), but an earlier release has another one"
            )
        )
    return Prepared(facts, plan, stay)


def deploy(operation: SiteOperation, choices: Choices) -> Result:
    """Make what is on disk the site.

    :raises Locked: somebody else is at it.
    :raises PreflightError: refused before anything was touched.
    """
    phases = Phases(operation.emit)
    site, store, keys = operation.site, operation.store, operation.keys
    for _ in range(_ATTEMPTS):
        with phases.phase("compare", f"comparing {site.dist} with {site.bucket}"):
            prepared = prepare(operation, choices)
        facts, plan = prepared.facts, prepared.plan
        if plan.same and not plan.deletions and facts.pointer.pending is None:
            return _ended(_result(prepared), phases, "unchanged")
        if await_turn(store, keys, facts.seen, operation.lock_wait, operation.emit).etag != facts.seen.etag:
            continue
        try:
            return _release(operation, prepared, phases)
        except Superseded:
            if read_pointer(store, keys).etag == facts.seen.etag:
                raise
    raise locked(read_pointer(store, keys).pointer.pending)


def _release(operation: SiteOperation, prepared: Prepared, phases: Phases) -> Result:
    facts, plan, stay = prepared.facts, prepared.plan, prepared.stay
    result = _result(prepared)
    change = Change(operation, facts, plan, phases, result)
    pointer = inherited(facts)
    keep = operation.site.keep_releases
    if plan.same:
        # Nothing to release; somebody did not get to the end, or left what does not belong here.
        release = str(facts.pointer.release)
        pointer = replace(pointer, releases=pointer.retaining(keep))
        with change.claimed("deploy", release, step="finishing"):
            change.plan_invalidation()
            change.keep()
            _finish(change, pointer, release, stay)
        return _ended(result, phases, "done")
    release = str(facts.pointer.release)
    if plan.fresh:
        from deployer.rollout.release import new_release

        release = new_release()
    with change.claimed("deploy", release), change.compressed():
        change.plan_invalidation()
        change.send_assets()
        change.keep()
        manifest = Manifest(release, plan.files)
        change.write_manifest(manifest)
        change.publish()
        manifest = change.learn_etags(manifest)
        record = _record(operation, manifest, facts.pointer.release) if plan.fresh else None
        pointer = replace(pointer, releases=pointer.retaining(keep, record))
        _finish(change, pointer, release, [manifest, *(each for each in stay if each.release != release)])
    return _ended(result, phases, "done")


def _finish(change: Change, pointer: Pointer, release: str, manifests: list[Manifest]) -> None:
    doomed = change.doomed(manifests, pointer)
    change.point(pointer, release, more=bool(doomed or change.result.invalidation))
    change.invalidate()
    change.clear(doomed)
    change.end()


def _record(operation: SiteOperation, manifest: Manifest, previous: str | None) -> Record:
    from deployer.host.lock import identity
    from deployer.image.git import UNKNOWN, revision
    from deployer.rollout.release import now

    sha = revision(operation.root, [operation.root / operation.site.dist]).sha
    size = sum(entry.size for entry in manifest.files.values())
    return Record(
        id=manifest.release,
        at=now(),
        who=identity(),
        files=len(manifest.files),
        size=size,
        git_sha=None if sha == UNKNOWN else sha,
        previous=previous,
    )


def _result(prepared: Prepared) -> Result:
    current, plan = prepared.facts.pointer.release, prepared.plan
    return Result("deploy", current, current, files=len(plan.files), unchanged=plan.unchanged)


def _ended(result: Result, phases: Phases, outcome: str) -> Result:
    result.outcome = outcome
    result.duration_s = round(phases.elapsed(), 3)
    result.phases = phases.finished
    return result


def _nothing_else(facts: Facts, plan: Plan) -> bool:
    """Whether the bucket holds nothing but the current release, and nobody left anything to finish."""
    listing = facts.bucket.listing
    return facts.pointer.pending is None and (listing is None or len(listing) == len(plan.files))


def _refuse_excess(plan: Plan, limit: str, rules: Rules) -> None:
    excess = excessive(plan, limit, rules.of)
    if excess is None:
        return
    count, allowed = excess
    raise PreflightError(
        f"{count} of the {plan.present} files in the bucket would be deleted, and {limit} ({allowed}) may be",
        details=[f"{deletion.reason} {deletion.path}" for deletion in plan.deletions[:_SHOWN]],
        remedy="is site.dist the right folder, and site.bucket the right bucket? If so: --delete-limit 100%",
    )
