"""A release on several hosts: image first to all, then batch by batch; back on all where too many fail."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.config.schema import Config
from deployer.config.sections.hosts import Machine
from deployer.errors import (
    DeployerError,
    EdgeError,
    EngineError,
    FleetFailed,
    ImageError,
    Interrupted,
    LockError,
    UsageError,
)
from deployer.events import BatchStarted, Emit, HostFailed, HostFinished, Note, OnHost, RolledBack, Warned
from deployer.fleet.inventory import batches
from deployer.fleet.ship import layers, ship
from deployer.fleet.work import Member, Outcome, each, reached
from deployer.host.engine import Engine
from deployer.host.lock import Lock
from deployer.image.build import build, ensure_image
from deployer.image.edge import edge_image
from deployer.interrupts import shielded
from deployer.rollout import commands
from deployer.rollout.release import new_release
from deployer.rollout.run import Result
from deployer.rollout.status import observe, status


@dataclass(frozen=True, slots=True)
class Fleet:
    """The hosts that a command is about, and on whose behalf.

    :param lock_wait: seconds to wait while somebody else is at it; None: `rollout.lock_wait`.
    """

    config: Config
    hosts: Sequence[Machine]
    emit: Emit
    environ: Mapping[str, str]
    lock_wait: float | None = None

    @property
    def wait(self) -> float:
        """Seconds to wait for a lock."""
        return self.config.rollout.lock_wait if self.lock_wait is None else self.lock_wait


@dataclass(slots=True)
class FleetResult:
    """What a command came to on several hosts; `--json` ends with it.

    :param outcome: succeeded; rolled_back (all are where they were); mixed (they are not of one version).
    :param hosts: by name: what came of each (`Result.as_dict`, or its error), with `serves`, the release that
        it serves now, null for none; where it could not be asked, `unknown` is true.
    """

    release: str
    image: str
    kind: str
    outcome: str = "failed"
    reason: str | None = None
    duration_s: float = 0.0
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def rollout(fleet: Fleet, *, image: str | None = None, strategy: str | None = None) -> FleetResult:
    """Bring one release to all of the hosts, or leave all of them where they were.

    :raises HostError: a host cannot be reached; nothing was touched.
    :raises FleetFailed: too many hosts failed, and all that could be are back; `result` says what serves.
    """
    release = new_release()
    result = FleetResult(release, image or fleet.config.service.image or "", "rollout")
    with _timed(result), _all(fleet) as members:
        _bring_images(fleet, members, image, result)

        def change(member: Member) -> Result:
            return commands.rollout(
                member.operation(fleet.lock_wait), image=result.image, strategy=strategy, name=release
            )

        with _locked(fleet, members, "rollout"):
            _in_batches(fleet, members, change, result)
    return result


def rollback(fleet: Fleet, *, to: str | None = None) -> FleetResult:
    """All hosts back to the release that they served before, which is the same one, or to `to`.

    :raises UsageError: some host has no such release.
    :raises FleetFailed: as `rollout`.
    """
    result = FleetResult(to or "", "", "rollback")
    with _timed(result), _all(fleet) as members, _locked(fleet, members, "rollback"):
        target = _common_target(members, to)
        result.release = target

        def change(member: Member) -> Result:
            return commands.rollback(member.operation(fleet.lock_wait), to=target)

        _in_batches(fleet, members, change, result)
    return result


def recover(fleet: Fleet) -> FleetResult:
    """Put each host right, then bring all to one version: the one that most of them serve, else the older.

    :raises FleetFailed: a host could not be reached, or could not be brought there.
    """
    result = FleetResult("", "", "recover")
    with (
        _timed(result),
        reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (members, lost),
        _locked(fleet, members, "recover"),
    ):
        for outcome in lost:
            result.hosts[outcome.host] = {**_error(outcome.error), "serves": None, "unknown": True}
        mended = each(members, lambda member: commands.recover(member.operation(fleet.lock_wait)))
        _converge(fleet, members, result)
        for done in mended:
            if done.error is not None:
                result.hosts[done.host] = {**result.hosts.get(done.host, {}), **_error(done.error)}
        _judge(result)
    if any("error" in host for host in result.hosts.values()) or result.outcome == "mixed":
        raise _failed(result, "not every host could be put right")
    return result


def statuses(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """The status of each host by name (`deployer.rollout.status.status`); an error where it has none."""
    with reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (members, lost):
        found = each(members, lambda member: status(member.engine, member.config))
    by_name = {outcome.host: outcome.value or _error(outcome.error) for outcome in found}
    by_name |= {outcome.host: _error(outcome.error) for outcome in lost}
    return {host.name: by_name[host.name] for host in fleet.hosts}


# -- reaching, locking ----------------------------------------------------------------


@contextlib.contextmanager
def _all(fleet: Fleet) -> Iterator[list[Member]]:
    """All of the hosts, or none: what one cannot reach one does not begin to change.

    :raises HostError: with a line for each host that cannot be reached.
    """
    with reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (members, lost):
        errors = [found.error for found in lost] + [
            asked.error for asked in each(members, lambda member: member.engine)
        ]
        raised = [error for error in errors if error is not None]
        if len(raised) == 1:
            raise raised[0]
        if raised:
            raise type(raised[0])(
                f"{len(raised)} of {len(fleet.hosts)} hosts cannot be worked on; nothing was touched",
                remedy="leave them out with --host, or mend what the lines say",
                details=[
                    line
                    for error in raised
                    for line in (error.message, *([f"  -> {error.remedy}"] if error.remedy else ()))
                ],
            )
        yield members


@contextlib.contextmanager
def _locked(fleet: Fleet, members: Sequence[Member], command: str) -> Iterator[None]:
    """Hold the fleet's lock on every host: two deployers that share one host do not both go on.

    :raises Locked: somebody else holds it on one of them, and it was waited for as long as was said.
    """
    held: list[Lock] = []
    adding = threading.Lock()

    def take(member: Member) -> None:
        image = _lock_image(member)
        if image is None:
            return  # nothing of ours was ever there
        lock = Lock(member.engine, f"{fleet.config.service.name}-fleet", image, command)
        with adding:
            held.append(lock)
        lock.acquire(0.0)
        lock.check()

    deadline = time.monotonic() + fleet.wait
    try:
        while True:
            refused = [outcome.error for outcome in each(members, take) if outcome.error is not None]
            locks = [error for error in refused if isinstance(error, LockError)]
            if refused and (not locks or time.monotonic() >= deadline):
                raise (locks or refused)[0]
            if not refused:
                break
            # Whoever holds some and wants the rest gives all back: two who do so do not wait for ever.
            _release(held)
            time.sleep(0.5)
        yield
    finally:
        with shielded():
            _release(held)


def _release(held: list[Lock]) -> None:
    each(list(held), lambda lock: lock.release(), name=lambda lock: lock.service)
    held.clear()


def _lock_image(member: Member) -> str | None:
    from deployer.edge import container as edge_container

    standing = edge_container.find(member.engine, member.config.service.name)
    for candidate in (standing["Image"] if standing else None, member.edge_image):
        if candidate and member.engine.image(candidate):
            return str(candidate)
    return None


# -- images -----------------------------------------------------------------------


def _bring_images(fleet: Fleet, members: Sequence[Member], image: str | None, result: FleetResult) -> None:
    """The images on every host before anything is changed.

    What the deployer's own engine has, or builds, is sent; what it has not, each host pulls.

    :raises FleetFailed: it did not reach every host.
    """
    config = fleet.config
    building = image is None and config.service.build is not None
    try:
        local: Engine | None = Engine(config.host.docker, fleet.environ)
    except EngineError:
        if building:
            raise
        local = None
    with contextlib.closing(local) if local else contextlib.nullcontext():
        sending = []
        if local is not None:
            if building:
                result.image = build(local, config, fleet.emit).image_ref
            edge = _edge_image(fleet, members, local)
            sending = [ref for ref in (result.image, edge) if ref and local.image(ref)]
            for member in members:
                member.edge_image = edge
        known = {ref: layers(local, ref) for ref in sending if local and _lacking(members, local, ref)}

        def bring(member: Member) -> None:
            if local is not None:
                for ref, found in known.items():
                    ship(local, member.engine, ref, found, member.emit, lambda: member.connection.sent)
            if result.image not in sending:
                ensure_image(member.engine, result.image, member.emit)

        failed = [outcome for outcome in each(members, bring) if outcome.error is not None]
    for outcome in failed:
        result.hosts[outcome.host] = _error(outcome.error)
    if failed:
        raise _failed(result, "the image did not reach every host; nothing was changed", failed)


def _edge_image(fleet: Fleet, members: Sequence[Member], local: Engine) -> str | None:
    """The image of the edges that have to be made; None where all stand, or each host has to make its own."""
    if all(outcome.value for outcome in each(members, _lock_image)):
        return None
    try:
        return edge_image(local, fleet.config, fleet.emit)
    except ImageError as error:
        fleet.emit(Warned(f"{error.message}; the hosts that have no edge build its image themselves"))
        return None


def _lacking(members: Sequence[Member], local: Engine, ref: str) -> bool:
    here = (local.image(ref) or {}).get("Id")
    return any(
        outcome.value != here
        for outcome in each(members, lambda member: (member.engine.image(ref) or {}).get("Id"))
    )


# -- changing ---------------------------------------------------------------------


def _in_batches(fleet: Fleet, members: Sequence[Member], change: Any, result: FleetResult) -> None:
    """Change batch by batch; stop at too many failures, and go back on all that have changed.

    :raises FleetFailed: too many failed, or what failed leaves the hosts mixed.
    """
    rollout_config = fleet.config.rollout
    groups = list(batches([member.host for member in members], rollout_config.batch))
    by_name = {member.name: member for member in members}
    before = {outcome.host: outcome.value for outcome in each(members, _serves)}
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
            changed += [by_name[name] for name in names]
            for outcome in each([by_name[name] for name in names], one, at_once=len(names)):
                _keep(result, outcome)
                failures += [outcome] if outcome.error else []
            if len(failures) > rollout_config.max_failures:
                break
    except Interrupted as error:
        with shielded():
            for outcome in getattr(error, "outcomes", ()):
                _keep(result, outcome)
            _go_back(fleet, changed, before, result)
        error.result = result.as_dict()
        raise
    if len(failures) > rollout_config.max_failures:
        with shielded():
            _go_back(fleet, changed, before, result)
        raise _failed(result, f"{len(failures)} host(s) failed", failures)
    _look(members, result)
    _judge(result)
    if failures:
        raise _failed(
            result, f"{len(failures)} host(s) failed, as many as rollout.max_failures lets", failures
        )


def _keep(result: FleetResult, outcome: Outcome[Result]) -> None:
    if outcome.value is not None:
        result.hosts[outcome.host] = outcome.value.as_dict()
    else:
        result.hosts[outcome.host] = {
            **((outcome.error and outcome.error.result) or {}),
            **_error(outcome.error),
        }


def _go_back(
    fleet: Fleet, changed: Sequence[Member], before: Mapping[str, str | None], result: FleetResult
) -> None:
    """Every host that changed to the release that it served before; those that serve it are left alone."""

    def back(member: Member) -> None:
        release = before[member.name]
        serving = _serves(member)
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
    _look(changed, result)
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
                result.hosts[outcome.host] = _error(outcome.error)
    _look(members, result)


def _look(members: Sequence[Member], result: FleetResult) -> None:
    """What each host serves now, into the result."""
    for outcome in each(members, _serves):
        entry = result.hosts.setdefault(outcome.host, {})
        entry["serves"] = outcome.value if outcome.error is None else None
        entry["unknown"] = outcome.error is not None
        if outcome.error is not None and "error" not in entry:
            entry |= _error(outcome.error)


def _judge(result: FleetResult) -> None:
    serving = {host.get("serves") for host in result.hosts.values()}
    result.outcome = "succeeded" if serving == {result.release} or serving <= {None} else "mixed"


def _serves(member: Member) -> str | None:
    """The release that a host serves; None where it serves none."""
    state = observe(member.engine, member.config).stored
    occupant = state.occupant(state.active)
    return occupant.release if occupant else None


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


def _error(error: DeployerError | None) -> dict[str, Any]:
    return error.as_dict() if error is not None else {}


def _failed(result: FleetResult, what: str, failures: Sequence[Outcome[Any]] = ()) -> FleetFailed:
    """The end of a command that did not come to its end everywhere."""
    result.reason = what
    details = [f"{outcome.host}: {outcome.error.message}" for outcome in failures if outcome.error]
    for outcome in failures:
        details += [f"  {outcome.host} | {line}" for line in (outcome.error.details if outcome.error else ())]
    unknown = [name for name, host in result.hosts.items() if host.get("unknown")]
    serving = [f"{name} serves {host['serves']}" for name, host in result.hosts.items() if host.get("serves")]
    details += serving
    details += [f"{name}: what it serves is not known" for name in unknown]
    words = {
        "rolled_back": "all hosts serve what they served before",
        "mixed": "the hosts serve different releases",
        "succeeded": "the others serve the release",
    }.get(result.outcome, "")
    error = FleetFailed(
        f"{what}; {words}" if words else what,
        remedy="`deployer recover` brings all that can be reached to one version"
        if result.outcome == "mixed"
        else None,
        details=details,
    )
    error.result = result.as_dict()
    return error


@contextlib.contextmanager
def _timed(result: FleetResult) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    except DeployerError as error:
        result.duration_s = round(time.monotonic() - began, 3)
        result.reason = result.reason or error.message
        error.result = error.result or result.as_dict()
        raise
    result.duration_s = round(time.monotonic() - began, 3)
