"""Doing what `reconcile.plan_repairs` found: from whatever was left, back to one good state."""

from __future__ import annotations

import time

from msgspec.structs import replace

from deployer.edge.state import Slot
from deployer.errors import (
    ConfigError,
    EdgeError,
    EngineError,
    EngineForbidden,
    EngineUnreachable,
    RecoveryFailed,
)
from deployer.events import Note, Repaired, Warned
from deployer.rollout.reconcile import SERVE_AGAIN, Repair, plan_repairs
from deployer.rollout.release import Candidate, has_served, release_container
from deployer.rollout.situation import Situation
from deployer.rollout.work import Work


def reconcile(work: Work, *, keep_standby: bool = False) -> list[Repair]:
    """Mend whatever `plan_repairs` finds; what was mended.

    :param keep_standby: leave the warm release alone although its time is over: it is to serve again, or the
        next command may wait for its last streams.

    A serving release that cannot be brought back is tried once and left in `hopeless`: whoever only wants
    to recover is told so, but it must not keep a better one from being deployed.

    :raises RecoveryFailed: after three rounds there is still something else to mend.
    """
    done: list[Repair] = []
    for _ in range(3):
        situation = work.situation()
        work.state = situation.stored
        repairs = _sensible(work, plan_repairs(situation, now=0.0 if keep_standby else None))
        if not repairs:
            work.reconciled = situation
            return done
        for repair in repairs:
            work.lock.check()
            # The end of a release's time is no fault; but its last streams may take minutes.
            work.emit(Note(repair.text) if repair.action == "expire-standby" else Repaired(repair.text))
            _mend(work, repair, situation)
            done.append(repair)
    left = _sensible(work, plan_repairs(work.situation(), now=0.0 if keep_standby else None))
    if left:
        raise RecoveryFailed(
            f"{work.service} could not be brought to one good state",
            remedy="look at the containers named below, then run `deployer recover` again",
            details=[repair.text for repair in left],
        )
    return done


def _sensible(work: Work, repairs: list[Repair]) -> list[Repair]:
    """Without those that have failed already."""
    return [item for item in repairs if not (work.hopeless and item.action in SERVE_AGAIN)]


def _mend(work: Work, repair: Repair, situation: Situation) -> None:
    slot: Slot = "green" if repair.subject == "green" else "blue"
    match repair.action:
        case "serve-stored":
            work.session.switch(work.state)
        case "commit-live":
            work.commit(work.state.switched(slot, time.time() + work.config.rollout.keep_warm))
            work.session.switch(work.state)
        case "start-active" | "recreate-active":
            _serve_again(work, repair, situation)
        case "promote-standby":
            gone = work.state.active
            work.promote(slot)
            if gone:
                work.commit(work.state.vacated(gone))
        case "lift-hold":
            work.session.release()
        case "remove-candidate":
            # Whoever was killed in a smoke check has left the way to it open.
            work.session.end_previews()
            _undo(work, slot, situation)
        case "forget-standby":
            work.commit(work.state.vacated(slot))
            work.session.weigh(work.state)
        case "expire-standby":
            work.await_older_edges()
            work.evict(slot)
        case "set-restart-policy":
            work.engine.set_restart_policy(repair.subject, repair.value)
        case "remove-container":
            work.engine.remove(repair.subject)
        case "stop-container":
            work.engine.set_restart_policy(repair.subject, "no")
            work.engine.stop(repair.subject, work.config.service.stop_timeout)
        case "start-edge":
            raise EdgeError("the edge went down while its state was being put right")


def _undo(work: Work, slot: Slot, situation: Situation) -> None:
    """Empty a slot of a release that is not to serve."""
    _disown(work, slot, situation)
    # One that served before, brought back by an unfinished rollback, can still be gone back to.
    if has_served(situation.records, work.state.occupants[slot].release):
        # As patient as `discard`: a command that failed waits for this, too.
        work.evict(slot, limit=work.config.rollout.drain)
    else:
        work.discard(slot)


def _disown(work: Work, slot: Slot, situation: Situation) -> None:
    """The history is written before the state: a release that is undone must not seem to have served."""
    last = situation.records[-1] if situation.records else None
    occupant = work.state.occupant(slot)
    if last and occupant and (last.release, last.outcome) == (occupant.release, "switched"):
        undone = replace(last, outcome="failed", reason="its switch was interrupted, and undone")
        work.session.append_record(undone.line())


def _serve_again(work: Work, repair: Repair, situation: Situation) -> None:
    slot = work.state.active
    if slot is None:
        return
    name = work.state.occupants[slot].container
    try:
        if repair.action == "recreate-active":
            _recreate(work, slot, situation)
        else:
            work.engine.start(name)
        if not work.await_ready(slot):
            timeout = work.config.rollout.ready_timeout
            raise RecoveryFailed(
                f"{name} serves, but is not ready {timeout:.0f} s after its start",
                remedy="see its log; then deploy a better release or go back to an earlier one",
                details=work.engine.logs(name),
            )
    except (EngineUnreachable, EngineForbidden):
        raise
    except (RecoveryFailed, EngineError, ConfigError) as error:
        work.hopeless = RecoveryFailed(error.message, remedy=error.remedy, details=error.details)
        work.emit(Warned(error.message))


def _recreate(work: Work, slot: Slot, situation: Situation) -> None:
    """The serving container was removed by hand: make it again from what the history says of it."""
    occupant = work.state.occupants[slot]
    record = next((item for item in reversed(situation.records) if item.release == occupant.release), None)
    image = record.image if record else work.config.service.image
    found = work.engine.image(record.image_id) if record and record.image_id else None
    if image and not found:
        found = work.engine.image(image)
    if image is None or found is None:
        raise RecoveryFailed(
            f"the serving container {occupant.container} is gone, and so is its image {image or '(unknown)'}",
            remedy="deploy a release: `deployer rollout`",
        )
    candidate = Candidate(
        occupant.release,
        image,
        occupant.container,
        git_sha=record.git_sha if record else None,
        image_id=str(found["Id"]),
    )
    body = release_container(work.config, candidate, slot, work.addresses[slot], work.environ)
    work.engine.create(candidate.container, body)
    for network in work.config.service.networks:
        work.engine.connect(network, candidate.container)
    work.engine.start(candidate.container)
    work.engine.set_restart_policy(candidate.container, "always")
