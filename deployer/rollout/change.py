"""The steps of a rollout, and the way back from each of them."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from deployer.config.sections.rollout import Hook
from deployer.edge.state import Slot
from deployer.edge.statistics import Traffic
from deployer.errors import EngineError, ReleaseFailed
from deployer.events import LogLine, RolledBack, Warned
from deployer.host.lock import identity
from deployer.rollout import smoke
from deployer.rollout.hooks import TAIL, run_hook
from deployer.rollout.phases import Phases
from deployer.rollout.release import Candidate, Record, now
from deployer.rollout.result import Result
from deployer.rollout.watch import UNREADY, Watch
from deployer.rollout.work import Work


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
                        "ask `deployer doctor`, or raise rollout.ready_timeout (for recreate, edge.hold)",
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
