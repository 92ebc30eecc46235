"""What serves, against what an earlier run of the pipeline has left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.job import Job
from pipelines.stage import Values


def difference(job: Job, found: Mapping[str, Any], values: Values) -> str:
    """Why a host with this status is not as the release left it; empty where it is."""
    active, service = found["active"], job.config.service.name
    if active is None:
        return f"{service} has no serving release"
    if active["release"] != values.get("release"):
        return f"{active['release']} serves, not {values.get('release')}"
    if found["recovery_needed"]:
        return str(found["recovery_needed"][0])
    return "" if active["ready"] else f"{active['release']} is not ready"
