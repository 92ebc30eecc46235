"""A release on several hosts: batch by batch; back on all where too many fail."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from deployer.errors import (
    DeployerError,
    Interrupted,
    UsageError,
)
from deployer.events import BatchStarted, HostFailed, HostFinished
from deployer.fleet.convergence import go_back
from deployer.fleet.images import bring_images
from deployer.fleet.inventory import Fleet, batches
from deployer.fleet.locks import all_reached, locked
from deployer.fleet.result import FleetResult, error_of, failed, judge, look, serves, timed
from deployer.fleet.supply import Supply
from deployer.fleet.work import Member, Outcome, each
from deployer.interrupts import shielded
from deployer.rollout import commands
from deployer.rollout.release import new_release
from deployer.rollout.result import Result
from deployer.rollout.status import observe


def rollout(fleet: Fleet, *, image: str | None = None, strategy: str | None = None) -> FleetResult:
    """Bring one release to all of the hosts, or leave all of them where they were.

    :raises HostError: a host cannot be reached; nothing was touched.
    :raises FleetFailed: too many hosts failed, and all that could be are back; `result` says what serves.
    """
    release = new_release()
    result = FleetResult(release, image or fleet.config.service.image or "", "rollout")
    with timed(result), all_reached(fleet) as members:
        bring_images(fleet, members, image, result)

        def change(member: Member) -> Result:
            return commands.rollout(
                member.operation(fleet.lock_wait), image=result.image, strategy=strategy, name=release
            )

        with locked(fleet, members, "rollout"):
            _in_batches(fleet, members, change, result)
    return result


def rollback(fleet: Fleet, *, to: str | None = None) -> FleetResult:
    """All hosts back to the release that they served before, which is the same one, or to `to`.

    Where hosts serve different releases, those that serve `to` already are left as they are.

    :raises UsageError: some host has no such release.
    :raises FleetFailed: as `rollout`.
    """
    result = FleetResult(to or "", "", "rollback")
    with timed(result), all_reached(fleet) as members, locked(fleet, members, "rollback"):
        others = members
        if to is not None:
            there = {
                outcome.host for outcome in each(members, serves) if (outcome.value or "").startswith(to)
            }
            others = [member for member in members if member.name not in there] or members
        target = _common_target(others, to)
        result.release = target
        _restock(fleet, others, target, result)

        def change(member: Member) -> Result:
            return commands.rollback(member.operation(fleet.lock_wait), to=target)

        _in_batches(fleet, members, change, result, todo=others)
    return result


def _restock(fleet: Fleet, members: Sequence[Member], release: str, result: FleetResult) -> None:
    """Send the release's image to the hosts that have neither its container nor its image any more.

    :raises FleetFailed: it is not to be had; nothing was changed.
    """
    with Supply(fleet, members) as supply:

        def restock(member: Member) -> None:
            situation = observe(member.engine, member.config)
            supply.restock(member, commands.choose_release(situation, release), situation)

        lacking = [outcome for outcome in each(members, restock) if outcome.error is not None]
    for outcome in lacking:
        result.hosts[outcome.host] = error_of(outcome.error)
    if lacking:
        raise failed(result, "the image did not reach every host; nothing was changed", lacking)


def _in_batches(
    fleet: Fleet,
    members: Sequence[Member],
    change: Any,
    result: FleetResult,
    *,
    todo: Sequence[Member] | None = None,
) -> None:
    """Change batch by batch; stop at too many failures, and go back on all that have changed.

    :param todo: those of the members that change; None: all.
    :raises FleetFailed: too many failed, or what failed leaves the hosts mixed.
    """
    rollout_config = fleet.config.rollout
    groups = list(batches([member.host for member in todo or members], rollout_config.batch))
    by_name = {member.name: member for member in members}
    before = {outcome.host: outcome.value for outcome in each(members, serves)}
    changed: list[Member] = []
    failures: list[Outcome[Result]] = []

    def one(member: Member) -> Result:
        began = time.monotonic()
        try:
            done: Result = change(member)
        except DeployerError as error:
            member.emit(HostFailed(error.message, time.monotonic() - began))
            raise
        member.emit(HostFinished(f"{done.release} serves", time.monotonic() - began))
        return done

    try:
        for number, group in enumerate(groups, 1):
            names = [host.name for host in group]
            fleet.emit(BatchStarted(number, len(groups), tuple(names)))
            started = time.monotonic()
            changed += [by_name[name] for name in names]
            outcomes = each(
                [by_name[name] for name in names],
                one,
                at_once=len(names),
                ended=lambda outcome: _keep(result, outcome),
            )
            bad = [outcome for outcome in outcomes if outcome.error]
            seconds = round(time.monotonic() - started, 3)
            state = "failed" if bad else "done"
            result.phases.append({"name": f"batch:{number}", "seconds": seconds, "state": state})
            failures += bad
            if len(failures) > rollout_config.max_failures:
                break
    except Interrupted as error:
        with shielded():
            go_back(fleet, changed, before, result)
        error.result = result.as_dict()
        raise
    if len(failures) > rollout_config.max_failures:
        with shielded():
            go_back(fleet, changed, before, result)
            # Those that were not begun with serve what they did: on a first rollout, nothing.
            look([member for member in members if member not in changed], result)
        raise failed(result, f"{len(failures)} host(s) failed", failures)
    look(members, result)
    judge(result)
    if failures:
        raise failed(
            result, f"{len(failures)} host(s) failed, as many as rollout.max_failures lets", failures
        )


def _keep(result: FleetResult, outcome: Outcome[Result]) -> None:
    if outcome.value is not None:
        result.hosts[outcome.host] = outcome.value.as_dict()
    else:
        result.hosts[outcome.host] = {
            **((outcome.error and outcome.error.result) or {}),
            **error_of(outcome.error),
        }


def _common_target(members: Sequence[Member], to: str | None) -> str:
    """The release to go back to: the one that every host can.

    :raises UsageError: there is none.
    """
    found = each(
        members, lambda member: commands.choose_release(observe(member.engine, member.config), to).release
    )
    for outcome in found:
        if outcome.error is not None:
            raise type(outcome.error)(
                f"{outcome.host}: {outcome.error.message}",
                remedy=outcome.error.remedy,
                details=outcome.error.details,
            )
    names = Counter(outcome.value for outcome in found if outcome.value)
    if len(names) > 1:
        raise UsageError(
            "the hosts would go back to different releases",
            remedy="name one with --to, or run `deployer recover` first",
            details=[f"{outcome.host}: {outcome.value}" for outcome in found],
        )
    return next(iter(names))
