"""Destroying: what goes, what stays, what refuses; the stacks in the opposite order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

from deployer.aws.refusals import answered
from deployer.aws.session import mapped
from deployer.errors import CloudError, PreflightError, UsageError
from deployer.events import Note, PhaseFailed, PhaseFinished, PhaseStarted
from deployer.stack import changeset, progress
from deployer.stack.apply import settle
from deployer.stack.change import Change, policy, protected
from deployer.stack.execution import failed
from deployer.stack.follow import Following, newest
from deployer.stack.formation import Formation, Resource
from deployer.stack.standing import Condition, Standing, condition, refuse_busy
from deployer.stack.work import KINDS, Place, Work

_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")
_BUCKET = "AWS::S3::Bucket"
_DATABASE = "AWS::RDS::DBInstance"
_NEVER_MADE = ("CREATE_FAILED", "ROLLBACK_FAILED")
"""Where a stack is whose first creation failed: nothing in it was ever in use."""


class Removal(Struct, frozen=True):
    """What deleting a stack would do.

    :ivar goes: resources that are deleted.
    :ivar lost: what is lost with them, a line each.
    :ivar kept: what stays, a line each.
    :ivar refuses: what does not let itself be deleted, a line each.
    :ivar buckets: logical names of those that hold something and are therefore kept.
    :ivar opens: databases of a stack that was never made, whose protection is taken off.
    """

    place: Place
    standing: Standing
    goes: tuple[str, ...]
    lost: tuple[str, ...]
    kept: tuple[str, ...]
    refuses: tuple[str, ...]
    buckets: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.place.kind,
            "stack": self.place.name,
            "region": self.place.region,
            "deleted": list(self.goes),
            "lost": list(self.lost),
            "kept": list(self.kept),
            "refuses": list(self.refuses),
        }

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.place.name} in {self.place.region}: {len(self.goes)} resource(s) are deleted",
            *(f"    DATA LOSS: {line}" for line in self.lost),
            *(f"    kept: {line}" for line in self.kept),
            *(f"    its deletion protection is taken off: {each}, which never served" for each in self.opens),
            *(f"    refuses: {line}" for line in self.refuses),
        ]


def prepare(work: Work, kinds: Collection[str] = ()) -> list[Removal]:
    """What destroying would do, the stack that goes first first.

    :param kinds: only these stacks; empty: all.
    :raises Locked: something is at work on one of them.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise UsageError(f"there is no stack '{unknown[0]}'", remedy=f"there are {', '.join(KINDS)}")
    found = []
    for place in reversed(work.places()):
        standing = work.standing(place) if not kinds or place.kind in kinds else None
        if standing is None:
            continue
        if standing.status == "REVIEW_IN_PROGRESS":
            found.append(Removal(place, standing, (), (), (), ()))
        elif condition(standing) is not Condition.ABSENT:
            refuse_busy(standing)
            found.append(_removal(work, place, standing))
    return found


def destroy(work: Work, kinds: Collection[str], agree: Callable[[Sequence[Removal]], bool]) -> list[Removal]:
    """Delete the stacks, those first that need the others. Running it again goes on where it ended.

    :param agree: shown what would happen, says whether it may.
    :raises PreflightError: nobody agreed, or something refuses; nothing was changed.
    :raises StackFailed: a stack could not be deleted.
    """
    for place in work.places():
        if not kinds or place.kind in kinds:
            settle(work, place)
    todo = prepare(work, kinds)
    refusing = [f"{each.place.name}: {line}" for each in todo for line in each.refuses]
    if refusing:
        raise PreflightError(
            "something refuses to be deleted, so nothing was",
            details=refusing,
            remedy=_remedy(todo),
        )
    if todo and not agree(todo):
        raise PreflightError("nobody has agreed to this, so nothing was deleted", remedy=f"--yes {work.name}")
    for each in todo:
        _delete(work, each)
    return todo


def _remedy(todo: Sequence[Removal]) -> str:
    stuck = next((each for each in todo if each.refuses and each.standing.condition is Condition.STUCK), None)
    if stuck is None:
        return (
            "take the protection off in the config (stack.database.protected: false), "
            "`deployer infra apply`, and destroy again"
        )
    return (  # nothing can be applied to it
        "`aws rds modify-db-instance --no-deletion-protection --apply-immediately "
        f"--region {stuck.place.region} --db-instance-identifier NAME`, and destroy again"
    )


def _removal(work: Work, place: Place, standing: Standing) -> Removal:
    formation = work.formation(place)
    template: Mapping[str, Any] = formation.template(place.name).get("Resources", {})
    goes, lost, kept, refuses, buckets, opens = [], [], [], [], [], []
    for resource in formation.resources(place.name):
        if resource.status in _GONE or not resource.physical:
            continue
        described = template.get(resource.name, {})
        change = Change(
            "remove",
            resource.name,
            resource.type,
            resource.physical,
            policy=policy(described, "DeletionPolicy"),
        )
        where = f"{resource.name} ({resource.physical})"
        if _protected(work, place.region, resource, described):
            if standing.status in _NEVER_MADE:
                opens.append(resource.physical)
            else:
                refuses.append(f"{where} has deletion protection")
        if change.policy == "Retain":
            kept.append(f"{where}, with all it holds")
        elif resource.type == _BUCKET and _holds(work, place.region, resource.physical):
            kept.append(f"{where}, since it holds something")
            buckets.append(resource.name)
        else:
            goes.append(resource.name)
            if change.policy == "Snapshot":
                kept.append(f"a last snapshot of {where}")
            if change.loss:
                lost.append(f"{where}: {change.loss}")
    return Removal(
        place,
        standing,
        tuple(goes),
        tuple(lost),
        tuple(kept),
        tuple(refuses),
        tuple(buckets),
        tuple(opens),
    )


def _protected(work: Work, region: str, resource: Resource, described: Mapping[str, Any]) -> bool:
    """Whether it refuses to be deleted: a database is asked, since somebody may have opened it by hand."""
    if resource.type != _DATABASE:
        return protected(described)
    try:
        with mapped(f"looking at database {resource.physical}"):
            found = work.cloud.client("rds", region).describe_db_instances(
                DBInstanceIdentifier=resource.physical
            )
    except CloudError as error:
        return answered(error)[0] != "DBInstanceNotFound" and protected(described)
    return any(each.get("DeletionProtection") for each in found["DBInstances"])


def _holds(work: Work, region: str, bucket: str) -> bool:
    """Whether a bucket holds anything, versions and markers too: CloudFormation deletes empty ones only."""
    try:
        with mapped(f"looking into bucket {bucket}"):
            found = work.cloud.client("s3", region).list_object_versions(Bucket=bucket, MaxKeys=1)
    except CloudError as error:
        if answered(error)[0] == "NoSuchBucket":
            return False
        raise
    return bool(found.get("Versions") or found.get("DeleteMarkers"))


def _delete(work: Work, removal: Removal) -> None:
    place, standing = removal.place, removal.standing
    formation = work.formation(place)
    began = time.monotonic()
    work.emit(PhaseStarted(f"destroy_{place.kind}", f"deleting {place.name}"))
    if standing.protected:
        formation.ask(
            "update_termination_protection",
            place.name,
            StackName=standing.id,
            EnableTerminationProtection=False,
        )
    for name in removal.opens:
        # It was made protected, and so what was made before the failure could not be taken back.
        with mapped(f"taking the deletion protection off database {name}"):
            work.cloud.client("rds", place.region).modify_db_instance(
                DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
            )
    following = _ask(formation, removal, work, retain=())
    after = following.end()
    if after is not None and after.status == "DELETE_FAILED":
        # Only now may resources be named that stay; the buckets were told before.
        left = _left(following)
        if left and set(left) <= set(removal.buckets):
            work.emit(Note(f"{place.name}: {', '.join(left)} stays, since it holds something"))
            following = _ask(formation, removal, work, retain=left)
            after = following.end()
    seconds = time.monotonic() - began
    if after is not None and after.status != "DELETE_COMPLETE":
        failure = failed(following, after, place.name)
        work.emit(PhaseFailed(f"destroy_{place.kind}", seconds, failure.message))
        raise failure
    work.emit(PhaseFinished(f"destroy_{place.kind}", seconds, f"deleted {place.name}"))


def _ask(formation: Formation, removal: Removal, work: Work, retain: Sequence[str]) -> Following:
    stack = removal.standing.id
    following = Following(formation, stack, work.emit, before=newest(formation, stack))
    words = {"RetainResources": list(retain)} if retain else {}
    formation.ask(
        "delete_stack", removal.place.name, StackName=stack, ClientRequestToken=changeset.token(), **words
    )
    return following


def _left(following: Following) -> list[str]:
    """Names of the resources that could not be deleted."""
    failed_events = progress.failures(following.events)
    return list(dict.fromkeys(each.resource for each in failed_events if each.status == "DELETE_FAILED"))
