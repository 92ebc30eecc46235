"""What a command came to on several hosts, and how it is told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

from deployer.errors import DeployerError, FleetFailed, carried, carry, reason_of
from deployer.fleet.work import Member, Outcome, each
from deployer.rollout.status import observe


class FleetResult(Struct):
    """What a command came to on several hosts; `--json` ends with it.

    :param outcome: succeeded; rolled_back (all are where they were); mixed (they are not of one version).
    :param phases: the batches; those of a host are with its own result.
    :param hosts: by name: what came of each (`Result.as_dict`, or its error), with `serves`, the release that
        it serves now, null for none; where it could not be asked, `unknown` is true.
    """

    release: str
    image: str
    kind: str
    outcome: str = "failed"
    reason: str | None = None
    duration_s: float = 0.0
    phases: list[dict[str, object]] = field(default_factory=list)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def look(members: Sequence[Member], result: FleetResult) -> None:
    """What each host serves now, into the result."""
    for outcome in each(members, serves):
        entry = result.hosts.setdefault(outcome.host, {})
        entry["serves"] = outcome.value if outcome.error is None else None
        entry["unknown"] = outcome.error is not None
        if outcome.error is not None and "error" not in entry:
            entry |= error_of(outcome.error)


def judge(result: FleetResult) -> None:
    serving = {host.get("serves") for host in result.hosts.values()}
    result.outcome = "succeeded" if serving == {result.release} or serving <= {None} else "mixed"


def serves(member: Member) -> str | None:
    """The release that a host serves; None where it serves none."""
    state = observe(member.engine, member.config).stored
    occupant = state.occupant(state.active)
    return occupant.release if occupant else None


def error_of(error: DeployerError | None) -> dict[str, Any]:
    return error.as_dict() if error is not None else {}


def failed(result: FleetResult, what: str, failures: Sequence[Outcome[Any]] = ()) -> FleetFailed:
    """The end of a command that did not come to its end everywhere."""
    result.reason = what
    details = [f"{outcome.host}: {outcome.error.message}" for outcome in failures if outcome.error]
    for outcome in failures:
        details += [f"  {outcome.host} | {line}" for line in (outcome.error.details if outcome.error else ())]
    for outcome in failures:
        if outcome.error is not None and outcome.error.remedy:
            details += [f"  {outcome.host} -> {outcome.error.remedy}"]
    told = {outcome.host for outcome in failures}
    for name, host in result.hosts.items():
        if name not in told and host.get("error"):
            details += [f"{name}: {host['message'].removeprefix(f'{name}: ')}"]
            details += [f"  {name} | {line}" for line in host.get("details") or ()]
            details += [f"  {name} -> {host['remedy']}"] if host.get("remedy") else []
    unknown = [name for name, host in result.hosts.items() if host.get("unknown")]
    serving = [f"{name} serves {host['serves']}" for name, host in result.hosts.items() if host.get("serves")]
    details += serving
    details += [
        f"{name} serves nothing"
        for name, host in result.hosts.items()
        if not host.get("unknown") and "serves" in host and host["serves"] is None
    ]
    details += [f"{name}: what it serves is not known" for name in unknown]
    words = {
        "rolled_back": "all hosts serve what they served before",
        "mixed": "the hosts serve different releases",
        "succeeded": "the others serve the release",
    }.get(result.outcome, "")
    remedy = None
    if result.outcome == "mixed":
        remedy = "`deployer recover` brings all that can be reached to one version"
        known = {host.get("serves") for host in result.hosts.values() if not host.get("unknown")}
        if unknown and len(known) <= 1:
            words = "the others serve one release" if any(known) else ""
            remedy = f"see to {', '.join(unknown)}, then run `deployer recover`"
    error = FleetFailed(f"{what}; {words}" if words else what, remedy=remedy, details=details)
    error.result = result.as_dict()
    return error


@contextlib.contextmanager
def timed(result: FleetResult) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        result.duration_s = round(time.monotonic() - began, 3)
        result.reason = result.reason or reason_of(error)
        # What nobody foresaw carries it, too (`errors.unforeseen`): by then, some hosts may have changed.
        carry(error, carried(error) or result.as_dict())
        raise
    result.duration_s = round(time.monotonic() - began, 3)
