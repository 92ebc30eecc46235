"""One rollout, from a candidate's image to the end of the old release's last request."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from deployer.config.schema import Config
from deployer.errors import DeployerError, EngineError, LockError, reason_of
from deployer.events import Warned
from deployer.host.shell import Shell
from deployer.interrupts import shielded
from deployer.rollout import preflight
from deployer.rollout.change import Change
from deployer.rollout.phases import Phases
from deployer.rollout.release import Candidate
from deployer.rollout.result import Result
from deployer.rollout.situation import Situation
from deployer.rollout.strategy import choose_strategy
from deployer.rollout.work import Work

PATIENCE = 5.0
"""Seconds that a release which should answer is given to pass a check, before it is done without."""


def run(
    work: Work,
    phases: Phases,
    candidate: Candidate,
    result: Result,
    *,
    strategy: str | None,
    room: preflight.Room,
    situation: Situation | None = None,
) -> Result:
    """Bring a candidate to serving.

    :param situation: one that was read a moment ago.
    :raises ReleaseFailed: it is bad, and the old one serves.
    """
    situation = _on_its_feet(work, situation or work.situation())
    change = Change(work, candidate, phases, result)
    standby = work.state.occupant(work.state.standby)
    is_standby = standby is not None and standby.container == candidate.container
    if is_standby and work.await_ready(work.state.standby, PATIENCE):
        result.strategy = "warm"
        return _carry_out(change, change.warm, phases, result)
    memory, needed = preflight.memory(work.engine, work.config, situation, room, work.state.standby)
    choice = choose_strategy(
        work.config,
        strategy,
        memory=memory,
        needed=needed,
        serving=work.state.active is not None,
    )
    result.strategy = choice.strategy
    if choice.reason:
        work.emit(Warned(choice.reason))
    steps = change.recreate if choice.strategy == "recreate" else change.blue_green
    return _carry_out(change, steps, phases, result)


def _on_its_feet(work: Work, situation: Situation) -> Situation:
    """The situation once a release serves that answers, where there is one.

    While the serving one does not, the edge sends its requests to the warm one, whose place the candidate
    would take. That is kept instead, and the other gives way.
    """
    active, standby = work.state.active, work.state.standby
    if not active or not standby or active in situation.ready or standby not in situation.ready:
        return situation
    if work.await_ready(active, PATIENCE):
        return situation
    broken, good = work.state.occupants[active], work.state.occupants[standby]
    work.lock.check()
    work.emit(Warned(f"{broken.release} does not answer; {good.release}, kept warm, serves in its place"))
    work.promote(standby)
    with contextlib.suppress(EngineError):
        work.engine.set_restart_policy(broken.container, "no")
    return work.situation()


def _carry_out(change: Change, steps: Callable[[], None], phases: Phases, result: Result) -> Result:
    try:
        steps()
    except Exception as error:
        result.reason = result.reason or reason_of(error)
        if result.outcome == "failed" and not isinstance(error, LockError):
            with shielded(), contextlib.suppress(DeployerError):
                change.tell_failure()
        raise
    finally:
        result.duration_s = round(phases.elapsed(), 3)
        result.phases = phases.finished
    return result


def room_check(config: Config, found: list[preflight.Room]) -> Callable[[Shell], None]:
    """A preflight for `changing`: measures the host into `found`, and refuses where the disk is too full."""

    def check(shell: Shell) -> None:
        room = preflight.measure(shell)
        preflight.check_disk(config, room.disk)
        found.append(room)

    return check
