"""Destroying: what goes, what stays, what refuses; the stacks in the opposite order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.aws.refusals import answered
from deployer.aws.session import mapped
from deployer.errors import CloudError, ConfigError, PreflightError
from deployer.events import Note, PhaseFailed, PhaseFinished, PhaseStarted
from deployer.stack import changeset, progress
from deployer.stack.apply import settle
from deployer.stack.change import Change, policy
from deployer.stack.execution import failed
from deployer.stack.follow import Following, newest
from deployer.stack.formation import Formation
from deployer.stack.standing import Condition, Standing, condition, refuse_busy
from deployer.stack.work import KINDS, Place, Work

_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")
_BUCKET = "AWS::S3::Bucket"


@dataclass(frozen=True, slots=True)
class Removal:
    """What deleting a stack would do.

    :ivar goes: resources that are deleted.
    :ivar lost: what is lost with them, a line each.
    :ivar kept: what stays, a line each.
    :ivar refuses: what does not let itself be deleted, a line each.
    :ivar buckets: logical names of those that hold something and are therefore kept.
    """

    place: Place
    standing: Standing
    goes: tuple[str, ...]
    lost: tuple[str, ...]
    kept: tuple[str, ...]
    refuses: tuple[str, ...]
    buckets: tuple[str, ...] = ()

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
            *(f"    refuses: {line}" for line in self.refuses),
        ]


def prepare(work: Work, kinds: Collection[str] = ()) -> list[Removal]:
    """What destroying would do, the stack that goes first first.

    :param kinds: only these stacks; empty: all.
    :raises Locked: something is at work on one of them.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ConfigError(f"there is no stack '{unknown[0]}'", remedy=f"there are {', '.join(KINDS)}")
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
            remedy="take the protection off in the config (stack.database.protected: false), "
            "`deployer infra apply`, and destroy again",
        )
    if todo and not agree(todo):
        raise PreflightError("nobody has agreed to this, so nothing was deleted", remedy=f"--yes {work.name}")
    for each in todo:
        _delete(work, each)
    return todo


def _removal(work: Work, place: Place, standing: Standing) -> Removal:
    formation = work.formation(place)
    template: Mapping[str, Any] = formation.template(place.name).get("Resources", {})
    goes, lost, kept, refuses, buckets = [], [], [], [], []
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
        if described.get("Properties", {}).get("DeletionProtection") in (True, "true"):
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
    return Removal(place, standing, tuple(goes), tuple(lost), tuple(kept), tuple(refuses), tuple(buckets))


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
