"""What the bucket says about the site, for people and programs."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from deployer.site.claim import is_gone, read_pointer
from deployer.site.manifest import Pointer
from deployer.site.work import SiteOperation


def releases(pointer: Pointer) -> list[dict[str, Any]]:
    """The releases that are retained, newest first; `current` is the one that serves."""
    return [{**to_builtins(record), "current": record.id == pointer.release} for record in pointer.releases]


def status(operation: SiteOperation) -> dict[str, Any]:
    """What serves, since when, who is at work; `killed` where the one at work surely is not any more."""
    pointer = read_pointer(operation.store, operation.keys).pointer
    record = pointer.record(pointer.release or "")
    pending = pointer.pending
    return {
        "bucket": operation.site.bucket,
        "prefix": operation.site.prefix or None,
        "release": pointer.release,
        "since": pointer.since or None,
        "by": record.who if record else None,
        "git_sha": record.git_sha if record else None,
        "files": record.files if record else None,
        "size": record.size if record else None,
        "retained": len(pointer.releases),
        "distribution": operation.site.distribution,
        "at_work": {
            "who": pending.who,
            "kind": pending.kind,
            "release": pending.release,
            "step": pending.step,
            "since": pending.since,
            "killed": is_gone(pending.process),
        }
        if pending
        else None,
    }
