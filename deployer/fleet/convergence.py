"""Hosts that differ, brought to one version again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from deployer.errors import EdgeError, ImageError, UsageError
from deployer.events import HostFinished, Note, OnHost, RolledBack, Warned
from deployer.fleet.inventory import Fleet
from deployer.fleet.locks import answering, lock_image, locked
from deployer.fleet.result import FleetResult, error_of, failed, judge, look, serves, timed
from deployer.fleet.supply import Supply
from deployer.fleet.work import Member, each, reached
from deployer.rollout import commands
from deployer.rollout.status import observe, status


def recover(fleet: Fleet) -> FleetResult:
    """Put each host right, then bring all to one version: the one that most of them serve, else the older.

    :raises FleetFailed: a host or its engine could not be reached, or could not be brought there.
    """
    result = FleetResult("", "", "recover")
    with (
        timed(result),
        reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (connected, lost),
    ):
        members, silent = answering(connected)
        unknown = {found.host: found.error for found in lost} | {found.host: found.error for found in silent}
        for name, error in unknown.items():
            result.hosts[name] = {**error_of(error), "serves": None, "unknown": True}
        with locked(fleet, members, "recover"), Supply(fleet, members) as supply:
            _mend(fleet, members, result, supply)
        judge(result)
    if any("error" in host for host in result.hosts.values()) or result.outcome == "mixed":
        raise failed(result, "not every host could be put right")
    return result


def _mend(fleet: Fleet, members: Sequence[Member], result: FleetResult, supply: Supply) -> None:
    """Each host by itself, then all as one."""

    def mend(member: Member) -> None:
        _restock(member, supply)
        commands.recover(member.operation(fleet.lock_wait))

    mended = each(members, mend)
    brought = _converge(fleet, members, result, supply)
    for done in mended:
        if done.error is not None and done.host not in brought:
            result.hosts[done.host] = {**result.hosts.get(done.host, {}), **error_of(done.error)}


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


def _restock(member: Member, supply: Supply) -> None:
    """The image of what a host should serve, where its container and its image are gone."""
    situation = observe(member.engine, member.config)
    occupant = situation.stored.occupant(situation.stored.active)
    serving = occupant.release if occupant else None
    record = next((item for item in reversed(situation.records) if item.release == serving), None)
    try:
        supply.restock(member, record, situation)
    except ImageError as error:
        member.emit(Warned(error.message))  # the host may still be brought to what the others serve


def _converge(fleet: Fleet, members: Sequence[Member], result: FleetResult, supply: Supply) -> set[str]:
    """Bring the hosts that serve something else to what most of them serve; those that were brought."""
    found = each(members, lambda member: status(member.engine, member.config)["active"])
    serving = {outcome.host: outcome.value for outcome in found if outcome.error is None}
    active = {name: entry["release"] for name, entry in serving.items() if entry}
    brought: set[str] = set()
    if active:
        counts = Counter(active.values())
        # Names of releases sort by time.
        result.release = min(counts, key=lambda release: (-counts[release], release))
        model = next(member for member in members if active.get(member.name) == result.release)
        entry = serving[model.name] or {}
        result.image = str(entry.get("image") or "")
        pattern = _Pattern(result.release, result.image, model, str(entry.get("container")))
        behind = [
            member
            for member in members
            if member.name in serving and active.get(member.name) != result.release
        ]
        for outcome in each(behind, lambda member: _bring(fleet, member, pattern, supply)):
            if outcome.error is None:
                brought.add(outcome.host)
            else:
                result.hosts[outcome.host] = error_of(outcome.error)
    look(members, result)
    return brought


class _Pattern(Struct, frozen=True):
    """The release that all are to serve, and a host that serves it, in a container of that name."""

    release: str
    image: str
    member: Member
    container: str

    @property
    def image_id(self) -> str | None:
        found = self.member.engine.container(self.container)
        return str(found["Image"]) if found else None

    @property
    def edge_image(self) -> str | None:
        return lock_image(self.member)


def _bring(fleet: Fleet, member: Member, pattern: _Pattern, supply: Supply) -> None:
    """Let a host serve the release: by going back where it had it, else by rolling it out there."""
    if lock_image(member) is None and (edge := pattern.edge_image):
        # A host that was made anew. Where it could build the edge's image itself, this is quicker.
        member.edge_image = supply.bring(member, edge)
    image = supply.bring(member, pattern.image, pattern.image_id)
    operation = member.operation(fleet.lock_wait)
    try:
        commands.rollback(operation, to=pattern.release)
    except (UsageError, EdgeError):
        # It never had that release, or nothing at all.
        commands.rollout(operation, image=image, name=pattern.release)
    member.emit(HostFinished(f"{pattern.release} serves", 0.0))
