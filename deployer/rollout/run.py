"""One rollout, from the image to the end of the old release's last request."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from deployer.config.schema import Config
from deployer.config.sections.rollout import Hook
from deployer.config.units import humanize_size
from deployer.edge.state import Slot
from deployer.edge.statistics import Traffic
from deployer.errors import DeployerError, EngineError, LockError, ReleaseFailed
from deployer.events import LogLine, RolledBack, Warned
from deployer.host.lock import identity
from deployer.host.shell import Shell
from deployer.interrupts import shielded
from deployer.rollout import preflight, smoke
from deployer.rollout.hooks import TAIL, run_hook
from deployer.rollout.phases import Phases
from deployer.rollout.release import Candidate, Record, now
from deployer.rollout.situation import Situation
from deployer.rollout.watch import UNREADY, Watch
from deployer.rollout.work import Work


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


PATIENCE = 5.0
"""Seconds that a release which should answer is given to pass a check, before it is done without."""


class Change:
    """A candidate on its way to serving, with the way back at every point.

    :param work: holds the lock; reconciled.
    :param result: filled in as things happen.
    """

    def __init__(self, work: Work, candidate: Candidate, phases: Phases, result: Result) -> None:
        self.work = work
        self.config = work.config
        self.candidate = candidate
        self.phases = phases
        self.result = result
        self.old: Slot | None = work.state.active
        self.slot: Slot = work.state.free
        previous = work.state.occupant(self.old)
        self.record = Record(
            id=f"{candidate.kind}-{candidate.release}-{time.time_ns() // 1_000_000:x}",
            kind=candidate.kind,
            release=candidate.release,
            previous=previous.release if previous else None,
            container=candidate.container,
            image=candidate.image,
            who=identity(),
            at=now(),
            outcome="switched",
            git_sha=candidate.git_sha,
            image_id=candidate.image_id,
            port=candidate.port or work.config.service.port,
            health=candidate.health or work.config.service.health,
        )
        self.patience_ends = math.inf
        self.watch = Watch(work.engine, work.config, candidate.container, Traffic())
        result.previous = self.record.previous
        result.container, result.slot = candidate.container, self.slot

    # -- the strategies ------------------------------------------------------

    def warm(self) -> None:
        """The candidate runs already, kept warm: the edge changes its mind, and that is all."""
        self._switch()
        self._settle()
        self._finish()

    def blue_green(self) -> None:
        """Both releases run; the edge changes its mind between two requests."""
        if self.work.state.occupant(self.slot) or self.config.rollout.keep_warm <= 0:
            self._await_older_edges()
        self._evict()
        self._before()
        self._start()
        self._gate()
        self._smoke()
        self._switch()
        self._settle()
        self._after()
        self._finish()

    def recreate(self) -> None:
        """Only one release fits: requests wait at the edge while the old one goes and the new one comes."""
        self._await_older_edges()
        self._evict()
        self._before()
        held = self.config.edge.hold
        with self.phases.phase("hold", f"holding requests for up to {held:.0f} s"):
            self._step()
            self.work.session.hold(self.work.session.after(held))
            began = time.monotonic()
        # From here to the release, a failure lets reconciliation start the old one and let everybody go.
        self._vacate_old(began + 0.4 * held, began + 0.5 * held)
        # A part of the hold is for the old one to come back in, should the new one be bad.
        self.patience_ends = max(began + 0.6 * held, time.monotonic() + 0.3 * held)
        self._start()
        self._gate()
        self._smoke()
        self._switch()
        self.work.session.release()
        self._settle()
        self._after()
        self._finish()

    # -- steps ---------------------------------------------------------------

    def _step(self) -> None:
        """Fence: nothing is changed under a lock that is no longer ours."""
        self.work.lock.check()

    def _await_older_edges(self) -> None:
        if self.work.older_edges():
            with self.phases.phase(
                "older-edge", "waiting for the last requests of the edge before its upgrade"
            ):
                self.work.await_older_edges()

    @property
    def _image(self) -> str:
        """The very image of the release: its name may mean another one by now."""
        return self.candidate.image_id or self.candidate.image

    def _evict(self) -> None:
        occupant = self.work.state.occupant(self.slot)
        if occupant is None:
            return
        with self.phases.phase("evict", f"stopping {occupant.release}, kept warm until now"):
            self._step()
            with self.work.evicting(self.slot):
                # Hooks can take long, and whoever cleans up the host meanwhile takes what does not run. A
                # container that exists may be the very one that ends.
                if not self._hooks and not self.candidate.existing:
                    self._place()

    @property
    def _hooks(self) -> Sequence[Hook]:
        rollout = self.config.rollout
        return rollout.before_rollback if self.candidate.kind == "rollback" else rollout.before

    def _before(self) -> None:
        for hook in self._hooks:
            with self.phases.phase(f"before:{hook.name}", f"running {hook.name} before the switch"):
                self._step()
                run_hook(self.work, hook, self._image, self.candidate.release)

    def _vacate_old(self, drained: float, stopped: float) -> None:
        """Stop what serves: ask it to end by `drained`, end it by `stopped`, both of the monotonic clock.

        The rest of the hold is for the new one.
        """
        occupant = self.work.state.occupant(self.old)
        if occupant is None or self.old is None:
            return
        with self.phases.phase("stop", f"stopping {occupant.release} once its requests are done"):
            left = self.work.drain(self.old, limit=drained - time.monotonic())
            if left:
                self.work.emit(Warned(f"{left} request(s) or stream(s) of {occupant.release} are cut off"))
            self._step()
            # What is left may run on after SIGTERM, but not for longer than others can be held.
            patience = max(1.0, stopped - time.monotonic())
            self.work.engine.stop(occupant.container, min(self.config.service.stop_timeout, patience))

    def _place(self) -> None:
        self._step()
        self.work.place(self.candidate, self.slot)

    def _start(self) -> None:
        with self.phases.phase("start", f"starting {self.candidate.container} in slot {self.slot}"):
            if self.work.state.occupant(self.slot) is None:
                self._place()
            self._step()
            self.work.launch(self.slot)

    def _gate(self) -> None:
        rollout = self.config.rollout
        with self.phases.phase("gate", f"waiting until {self.record.health} is ready"):
            began = time.monotonic()
            deadline = min(began + rollout.ready_timeout, self.patience_ends)
            watch = self._watch()
            while self.slot not in self.work.session.ready():
                problem = watch.died()
                if problem:
                    raise self._failed(f"the new release {problem} before it was ready")
                if time.monotonic() >= deadline:
                    raise self._failed(
                        f"the new release was not ready after {deadline - began:.0f} s: "
                        f"GET {self.record.health} on port {self.record.port} "
                        "gave no 2xx or 3xx",
                        remedy="see its log above; check service.port and service.health, "
                        "or raise rollout.ready_timeout (for recreate, edge.hold)",
                    )
                time.sleep(0.03)

    def _smoke(self) -> None:
        checks = self.config.rollout.smoke
        if not checks:
            return
        with self.phases.phase("smoke", f"{len(checks)} smoke check(s) on the preview route"):
            self._step()
            token = self.work.preview_token(self.slot)
            try:
                for check in checks:
                    problem = smoke.run(self.work.session, check, token)
                    if problem:
                        raise self._failed(problem)
            finally:
                self.work.session.end_previews()

    def _switch(self) -> None:
        with self.phases.phase("switch", f"switching to {self.candidate.release}"):
            self._step()
            self.watch = self._watch()
            self.work.switch(self.slot, self.record)
            self.result.outcome = "switched"

    def _settle(self) -> None:
        """Watch the new release and wait for the old one's last request, both at once."""
        rollout = self.config.rollout
        if self.old is not None and self.runs_in(self.old):
            with self.phases.phase("drain", "waiting for the previous release's last requests"):
                self.result.unfinished = self.work.drain(self.old, watch=self._look)
            if self.result.unfinished:
                self.work.emit(Warned(self._unfinished_text()))
        if rollout.observe:
            with self.phases.phase("observe", f"watching {self.candidate.release} for {rollout.observe:g} s"):
                deadline = self.watch.began + rollout.observe
                while True:
                    self._look(self.work.session.traffic())
                    if time.monotonic() >= deadline:
                        break
                    time.sleep(min(0.1, max(0.0, deadline - time.monotonic())))
                self._confirm()

    def _look(self, traffic: Mapping[Slot, Traffic]) -> None:
        problem = self.watch.problem(traffic[self.slot])
        if problem:
            self._take_back(f"the new release {problem} after the switch")

    def _confirm(self) -> None:
        """See the new release pass a health check, or take it back: it is about to be called good.

        One that hangs has failed no check until the check's time is over.
        """
        edge = self.config.edge
        given_up = edge.check_fall * (edge.check_timeout + edge.check_interval)
        enough = time.monotonic() + given_up + UNREADY
        while self.slot not in self.work.session.ready():
            traffic = self.work.session.traffic()[self.slot]
            problem = self.watch.died() or self.watch.unready(traffic)
            if problem:
                self._take_back(f"the new release {problem} after the switch")
            if not traffic.down and time.monotonic() >= enough:
                return  # its checks take so long, and come so close, that no look fell between two
            time.sleep(0.05)

    def runs_in(self, slot: Slot) -> bool:
        """Whether the container in a slot runs."""
        occupant = self.work.state.occupant(slot)
        container = self.work.engine.container(occupant.container) if occupant else None
        return bool(container and container["State"]["Status"] == "running")

    def _after(self) -> None:
        if self.candidate.kind == "rollback":
            return
        for hook in self.config.rollout.after:
            with self.phases.phase(f"after:{hook.name}", f"running {hook.name} after the switch"):
                self._step()
                try:
                    run_hook(self.work, hook, self._image, self.candidate.release)
                except ReleaseFailed as error:
                    # The release serves and is good; taking it back would undo more than the hook did.
                    for line in error.details:
                        self.work.emit(LogLine(hook.name, line))
                    self.work.emit(Warned(f"{error.message}; the release serves nevertheless"))
                    self.result.reason = error.message

    def _finish(self) -> None:
        self._step()
        keep = self.config.rollout.keep_warm
        state = self.work.state
        running = self.old is not None and self.runs_in(self.old)
        if self.old is not None and state.occupant(self.old) and (keep <= 0 or not running):
            with self.phases.phase("retire", "stopping the previous release"):
                if running:
                    # Until now it stood in for a new one that does not answer.
                    self._confirm()
                    self._step()
                # Also one that is down: it may be between two restarts. It has had its time to drain.
                self.work.evict(self.old, limit=0.0)
        self.result.outcome = "succeeded"
        self.result.duration_s = round(self.phases.elapsed(), 3)
        record = replace(
            self.record, outcome="succeeded", duration_s=self.result.duration_s, reason=self.result.reason
        )
        self.work.session.append_record(record.line())

    def tell_failure(self) -> None:
        """The history knows of releases that never served, too.

        :raises LockLost: it is somebody else's to write.
        """
        self._step()
        record = replace(
            self.record,
            outcome="failed",
            reason=self.result.reason,
            duration_s=round(self.phases.elapsed(), 3),
        )
        self.work.session.append_record(record.line())

    # -- the way back ----------------------------------------------------------

    def _failed(self, message: str, remedy: str | None = None) -> ReleaseFailed:
        """A failure before the switch: the old release never stopped serving."""
        return ReleaseFailed(
            message, remedy=remedy, details=self.work.engine.logs(self.candidate.container, TAIL)
        )

    def _take_back(self, reason: str) -> None:
        """The switch was a mistake: back to the old release, now."""
        self._step()
        occupant = self.work.state.occupant(self.old)
        record = replace(
            self.record, outcome="rolled_back", reason=reason, duration_s=round(self.phases.elapsed(), 3)
        )
        back: Slot | None = self.old
        if occupant and back and not self.runs_in(back):
            # A held recreate stopped it; whoever asks meanwhile waits.
            self.work.session.hold(self.work.session.after(self.config.edge.hold))
            with contextlib.suppress(EngineError):
                # The host was too small for both. One that was gone before this began comes back no better.
                self.work.engine.stop(self.candidate.container, 0)
                self.work.engine.start(occupant.container)
                self.work.await_ready(back)
        self._step()
        self.work.take_back(back, record)
        self.work.session.release()
        details = self.work.engine.logs(self.candidate.container, TAIL)
        self.result.outcome = "rolled_back"
        self.result.reason = None  # a hook's, by now beside the point
        self.work.emit(RolledBack(occupant.release if occupant else None, reason))
        raise ReleaseFailed(
            f"{reason}; {occupant.release if occupant else 'nothing'} serves",
            remedy="see its log above; the previous release goes on serving" if occupant else None,
            details=details,
        )

    def _watch(self) -> Watch:
        traffic = self.work.session.traffic()[self.slot]
        return Watch(self.work.engine, self.config, self.candidate.container, traffic)

    def _unfinished_text(self) -> str:
        until = "until it is stopped" if self.config.rollout.keep_warm else "and are cut off now"
        return f"{self.result.unfinished} request(s) or stream(s) still run on the previous release {until}"


class Choice(Struct, frozen=True):
    """Which strategy is used, and why."""

    strategy: str
    reason: str = ""


def choose_strategy(config: Config, wanted: str | None, *, memory: int, needed: int, serving: bool) -> Choice:
    """Blue-green where two releases fit, the held recreate where they do not.

    :param wanted: what the command line asks for; None: what the config says.
    :param memory: bytes free; :param needed: bytes that a second release needs.
    :param serving: whether there is a release to keep running beside.
    """
    strategy = wanted or config.rollout.strategy
    if strategy == "blue-green" and serving and memory < needed:
        return Choice(
            "recreate",
            f"memory is too short for two releases ({humanize_size(memory)} free, "
            f"{humanize_size(needed)} wanted): holding requests while one replaces the other",
        )
    return Choice(strategy)


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
    except DeployerError as error:
        result.reason = result.reason or error.message
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
