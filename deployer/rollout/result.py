"""What a rollout or rollback came to."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

from deployer.rollout.release import Record


class Result(Struct):
    """What a rollout or rollback came to; `--json` ends with it.

    :param outcome: succeeded, rolled_back (the switch was undone), failed (there was no switch), switched (it
        serves, but the command did not get to its end).
    :param unfinished: requests and streams that still ran on the previous release at the end.
    :param records: the history after it, for whoever goes on from there; `--json` leaves it out.
    """

    release: str
    image: str
    strategy: str
    kind: str = "rollout"
    container: str | None = None
    slot: str | None = None
    previous: str | None = None
    git_sha: str | None = None
    outcome: str = "failed"
    reason: str | None = None
    duration_s: float = 0.0
    unfinished: int = 0
    phases: list[dict[str, object]] = field(default_factory=list)
    records: tuple[Record, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "records"}
