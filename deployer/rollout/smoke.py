"""Smoke checks: a few requests to the candidate before anyone else reaches it."""

from __future__ import annotations

from deployer.config.sections.rollout import Smoke
from deployer.edge.session import EdgeSession

TIMEOUT = 10.0
"""Seconds for one answer."""


def run(session: EdgeSession, check: Smoke, token: str) -> str | None:
    """Ask the candidate over the preview route; what is wrong with its answer, None where nothing is."""
    status, body = session.request(check.path, token=token, timeout=TIMEOUT)
    if status == 0:
        return f"smoke check {check.path}: no answer"
    if status != check.status:
        return f"smoke check {check.path}: answered {status} instead of {check.status}"
    if check.contains is not None and check.contains not in body:
        return f"smoke check {check.path}: the answer does not contain {check.contains!r}"
    return None
