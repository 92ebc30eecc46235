"""Hosts that differ, brought to one version again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from deployer.errors import (
    EdgeError,
    UsageError,
)
from deployer.events import HostFinished, Note, OnHost, RolledBack, Warned
from deployer.fleet.inventory import Fleet
from deployer.fleet.locks import locked
from deployer.fleet.result import FleetResult, error_of, failed, judge, look, serves, timed
from deployer.fleet.work import Member, each, reached
from deployer.rollout import commands
from deployer.rollout.status import status


def recover(fleet: Fleet) -> FleetResult:
    """Put each host right, then bring all to one version: the one that most of them serve, else the older.

    :raises FleetFailed: a host could not be reached, or could not be brought there.
    """
    result = FleetResult("", "", "recover")
    with (
        timed(result),
        reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (members, lost),
        locked(fleet, members, "recover"),
    ):
        for outcome in lost:
            result.hosts[outcome.host] = {**error_of(outcome.error), "serves": None, "unknown": True}
        mended = each(members, lambda member: commands.recover(member.operation(fleet.lock_wait)))
        _converge(fleet, members, result)
        for done in mended:
            if done.error is not None:
                result.hosts[done.host] = {**result.hosts.get(done.host, {}), **error_of(done.error)}
        judge(result)
    if any("error" in host for host in result.hosts.values()) or result.outcome == "mixed":
        raise failed(result, "not every host could be put right")
    return result


def go_back(
    fleet: Fleet, changed: Sequence[Member], before: Mapping[str, str | None], result: FleetResult
) -> None:
    """Every host that changed to the release that it served before; those that serve it are left alone."""

    def back(member: Member) -> None:
        release = before[member.name]
        serving = serves(member)
        if serving == release:
            return
        if release is None:
            member.emit(Warned(f"{serving} was the first release here; there is none to go back to"))
            return
        member.emit(Note(f"going back to {release}"))
        commands.rollback(member.operation(max(fleet.wait, 30.0)), to=release)
        member.emit(RolledBack(release, "other hosts failed"))

    for outcome in each(changed, back):
        if outcome.error is not None:
            fleet.emit(OnHost(outcome.host, Warned(f"could not be brought back: {outcome.error.message}")))
    look(changed, result)
    all_back = all(
        not result.hosts[member.name]["unknown"]
        and result.hosts[member.name]["serves"] == before[member.name]
        for member in changed
    )
    result.outcome = "rolled_back" if all_back else "mixed"


def _converge(fleet: Fleet, members: Sequence[Member], result: FleetResult) -> None:
    """Bring the hosts that serve something else to what most of them serve."""
    found = each(members, lambda member: status(member.engine, member.config)["active"])
    serving = {outcome.host: outcome.value for outcome in found if outcome.error is None}
    active = {name: entry["release"] for name, entry in serving.items() if entry}
    if active:
        counts = Counter(active.values())
        # Names of releases sort by time.
        result.release = min(counts, key=lambda release: (-counts[release], release))
        image = next(
            entry["image"] for entry in serving.values() if entry and entry["release"] == result.release
        )
        result.image = str(image or "")
        behind = [
            member
            for member in members
            if member.name in serving and active.get(member.name) != result.release
        ]

        def bring(member: Member) -> None:
            operation = member.operation(fleet.lock_wait)
            try:
                commands.rollback(operation, to=result.release)
            except (UsageError, EdgeError):
                # It never had that release, or nothing at all.
                commands.rollout(operation, image=result.image, name=result.release)
            member.emit(HostFinished(f"{result.release} serves", 0.0))

        for outcome in each(behind, bring):
            if outcome.error is not None:
                result.hosts[outcome.host] = error_of(outcome.error)
    look(members, result)
