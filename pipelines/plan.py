"""Whether a stage has to run: a pure function of what decides it now, and of the last time it was done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pipelines.stage import Decision, Stage
from pipelines.state import Completion

FILES, SETTINGS = "files", "settings"
_WORDS = {FILES: "files have changed", SETTINGS: "its settings have changed"}


class Facts(Struct, frozen=True):
    """What is known of a stage before it runs.

    :param decided_by: a digest of each kind of thing that decides; None where nothing does: it always runs.
    :param done: the last time that it was done here.
    :param gone: what is no longer as the stage left it; empty if all is.
    :param awaited: stages that will run first and give what it needs: only for a plan.
    """

    decided_by: Mapping[str, str] | None = None
    done: Completion | None = None
    gone: str = ""
    awaited: Sequence[str] = ()
    force: bool = False


def decide(stage: Stage, facts: Facts) -> Decision:
    """Whether the stage runs, and why."""
    if stage.off:
        return Decision(runs=False, reason=stage.off)
    if facts.force:
        return Decision(runs=True, reason="forced")
    if facts.awaited:
        return Decision(runs=True, reason=f"after {' and '.join(facts.awaited)}")
    if facts.decided_by is None:
        return Decision(runs=True, reason="")
    if facts.done is None:
        return Decision(runs=True, reason="never done here")
    changed = _changed(facts.decided_by, facts.done.decided_by)
    if changed:
        return Decision(runs=True, reason=" and ".join(changed))
    if facts.gone:
        return Decision(runs=True, reason=facts.gone)
    return Decision(runs=False, reason=f"nothing has changed since {facts.done.at}")


def digest(value: Any) -> str:
    """A sha256 of any JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _changed(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    kinds = [kind for kind in {**now, **then} if now.get(kind) != then.get(kind)]
    return [_WORDS.get(kind, f"{kind} is another") for kind in kinds]
