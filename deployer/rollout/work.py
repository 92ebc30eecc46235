"""What every changing command stands on: the lock, the edge, a session with it, a reconciled state."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from deployer.config.schema import Config
from deployer.edge import container as edge_container
from deployer.edge.configuration import Addresses
from deployer.edge.network import ensure_network, existing_addresses, network_name
from deployer.edge.session import EdgeSession
from deployer.edge.state import EdgeState, Occupant, Slot
from deployer.errors import (
    ConfigError,
    DeployerError,
    EdgeError,
    EngineError,
    EngineForbidden,
    EngineUnreachable,
    RecoveryFailed,
    ReleaseFailed,
)
from deployer.events import BuildFinished, Emit, Event, LockAwaited, Repaired, Switched, Warned
from deployer.host.engine import Engine, Inspect
from deployer.host.lock import Lock
from deployer.host.shell import Shell, ShellError
from deployer.interrupts import shielded
from deployer.render import render
from deployer.rollout.reconcile import Repair, plan_repairs
from deployer.rollout.release import Candidate, Record, release_container
from deployer.rollout.situation import Situation, gather

EDGE_BASES = ("debian:bookworm-slim", "deployer.local/debian:bookworm")
"""Base images for the edge, in this order of preference, when the config names none."""

SERVE_AGAIN = ("start-active", "recreate-active")
"""The repairs that bring the serving release back."""


class Work:
    """A changing command at work, holding the lock.

    :ivar state: the edge's state as last committed.
    :ivar reconciled: the situation that reconciliation found, or left, in order.
    :ivar hopeless: why the serving release cannot be brought back, where it cannot; no reason not to deploy a
        better one.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config,
        emit: Emit,
        environ: Mapping[str, str],
        lock: Lock,
        addresses: Addresses,
        session: EdgeSession,
    ) -> None:
        self.engine = engine
        self.config = config
        self.emit = emit
        self.environ = environ
        self.lock = lock
        self.addresses = addresses
        self.session = session
        self.state = session.state()
        self.reconciled: Situation | None = None
        self.hopeless: RecoveryFailed | None = None

    @property
    def service(self) -> str:
        return self.config.service.name

    def situation(self) -> Situation:
        """Read everything again."""
        return gather(self.engine, self.service, self.session)

    def commit(self, state: EdgeState, record: Record | None = None) -> None:
        """Write the state down; from here on it is what every command and every restart goes by."""
        self.session.commit(state, record=record.line() if record else "")
        self.state = state

    # -- steps that several commands share -----------------------------------

    def place(self, candidate: Candidate, slot: Slot) -> None:
        """Put a candidate's container into a slot and start it; the edge sends nobody there yet."""
        service = self.config.service
        occupant = Occupant(
            candidate.release,
            candidate.container,
            candidate.port or service.port,
            candidate.health or service.health,
        )
        self.session.prepare(slot, occupant)
        self.commit(self.state.placed(slot, occupant))
        address = self.addresses[slot]
        if candidate.existing:
            # A stopped container may have had the other slot's address.
            with contextlib.suppress(EngineError):
                self.engine.disconnect(network_name(self.service), candidate.container)
            self.engine.connect(network_name(self.service), candidate.container, address)
            self.engine.set_restart_policy(candidate.container, "no")
        else:
            body = release_container(self.config, candidate, slot, address, self.environ)
            self.engine.create(candidate.container, body)
            for network in service.networks:
                self.engine.connect(network, candidate.container)
        self.start(candidate.container)

    def start(self, container: str) -> None:
        """Start a container of the new release.

        :raises ReleaseFailed: the engine cannot run what is in it: no such program, say.
        """
        try:
            self.engine.start(container)
        except (EngineUnreachable, EngineForbidden):
            raise
        except EngineError as error:
            raise ReleaseFailed(
                error.message, remedy="check the image, service.command and service.volumes"
            ) from error

    def switch(self, slot: Slot, record: Record) -> None:
        """The commit point: new requests go to `slot`, in the edge and on its disk."""
        occupant = self.state.occupants[slot]
        previous = self.state.occupant(self.state.active)
        state = self.state.switched(slot, time.time() + self.config.rollout.keep_warm)
        # First, so that a reboot right after the commit brings back who serves; one right before it brings
        # back both, and the next command removes the one that does not serve.
        self.engine.set_restart_policy(occupant.container, "always")
        self.session.switch(state)
        self.commit(state, record)
        self.emit(Switched(occupant.release, slot))
        if previous and previous.container != occupant.container:
            with contextlib.suppress(EngineError):
                self.engine.set_restart_policy(previous.container, "no")

    def evict(self, slot: Slot, *, remove: bool = False) -> None:
        """Empty a slot that does not serve: drain what still runs there, then SIGTERM its container."""
        occupant = self.state.occupant(slot)
        if occupant is None:
            return
        self.session.weigh(replace(self.state, standby=None) if self.state.standby == slot else self.state)
        # What a bad release still has in its hands is not worth the long deadline of streams.
        left = self.drain(slot, limit=self.config.rollout.drain if remove else None)
        if left or not remove:
            self.engine.stop(occupant.container, self.config.service.stop_timeout)
        if remove:
            self.engine.remove(occupant.container)
        self.commit(self.state.vacated(slot))

    def drain(
        self, slot: Slot, *, limit: float | None = None, watch: Callable[[], None] | None = None
    ) -> int:
        """Wait until nothing runs in a slot, or its deadlines are over; what is still running then.

        :param limit: seconds at most, where less than the configured deadlines.
        :param watch: called between looks.
        """
        rollout = self.config.rollout
        began = time.monotonic()
        zeros = 0
        while True:
            traffic = self.session.traffic()[slot]
            waited = time.monotonic() - began
            busy = traffic.requests if waited < rollout.drain else 0
            busy += traffic.streams if waited < rollout.drain_streams else 0
            # Read twice: a request can be between its queue and its server.
            zeros = zeros + 1 if busy == 0 else 0
            if zeros == 2 or (limit is not None and waited >= limit):
                return traffic.requests + traffic.streams
            if watch:
                watch()
            time.sleep(0.03)

    def take_back(self, slot: Slot | None, record: Record) -> None:
        """Undo a switch: `slot` serves again (or nobody does), and what served is a candidate once more."""
        state = replace(self.state, active=slot, standby=None, warm_until=0.0)
        occupant = state.occupant(slot)
        if occupant:
            self.engine.set_restart_policy(occupant.container, "always")
        self.session.switch(state)
        self.commit(state, record)

    def preview_token(self, slot: Slot) -> str:
        """Open the preview route to a slot: a secret for the `x-preview` header."""
        token = secrets.token_hex(16)
        self.session.preview(token, slot)
        return token

    # -- reconciliation ------------------------------------------------------

    def reconcile(self) -> list[Repair]:
        """Mend whatever `plan_repairs` finds; what was mended.

        A serving release that cannot be brought back is tried once and left in `hopeless`: whoever only wants
        to recover is told so, but it must not keep a better one from being deployed.

        :raises RecoveryFailed: after three rounds there is still something else to mend.
        """
        done: list[Repair] = []
        for _ in range(3):
            situation = self.situation()
            self.state = situation.stored
            repairs = self._sensible(plan_repairs(situation))
            if not repairs:
                self.reconciled = situation
                return done
            for repair in repairs:
                self.lock.check()
                if repair.action != "expire-standby":
                    self.emit(Repaired(repair.text))
                self._mend(repair, situation)
                done.append(repair)
        left = self._sensible(plan_repairs(self.situation()))
        if left:
            raise RecoveryFailed(
                f"{self.service} could not be brought to one good state",
                remedy="look at the containers named below, then run `deployer recover` again",
                details=[repair.text for repair in left],
            )
        return done

    def _sensible(self, repairs: list[Repair]) -> list[Repair]:
        """Without those that have failed already."""
        return [item for item in repairs if not (self.hopeless and item.action in SERVE_AGAIN)]

    def _mend(self, repair: Repair, situation: Situation) -> None:
        slot: Slot = "green" if repair.subject == "green" else "blue"
        match repair.action:
            case "serve-stored":
                self.session.switch(self.state)
            case "commit-live":
                self.commit(self.state.switched(slot, time.time() + self.config.rollout.keep_warm))
                self.session.switch(self.state)
            case "start-active" | "recreate-active":
                self._serve_again(repair, situation)
            case "promote-standby":
                occupant = self.state.occupants[slot]
                self.engine.set_restart_policy(occupant.container, "always")
                state = replace(self.state, active=slot, standby=None, warm_until=0.0)
                gone = self.state.active
                self.session.switch(state)
                self.commit(state.vacated(gone) if gone else state)
            case "lift-hold":
                self.session.release()
            case "remove-candidate":
                self._disown(slot, situation)
                # One that served before, brought back by an unfinished rollback, can still be gone back to.
                served = any(
                    record.release == self.state.occupants[slot].release and record.outcome == "succeeded"
                    for record in situation.records
                )
                self.evict(slot, remove=not served)
            case "forget-standby":
                self.commit(self.state.vacated(slot))
                self.session.weigh(self.state)
            case "expire-standby":
                self.evict(slot)
            case "set-restart-policy":
                self.engine.set_restart_policy(repair.subject, repair.value)
            case "remove-container":
                self.engine.remove(repair.subject)
            case "stop-container":
                self.engine.set_restart_policy(repair.subject, "no")
                self.engine.stop(repair.subject, self.config.service.stop_timeout)
            case "start-edge":
                raise EdgeError("the edge went down while its state was being put right")

    def _disown(self, slot: Slot, situation: Situation) -> None:
        """The history is written before the state: a release that is undone must not seem to have served."""
        last = situation.records[-1] if situation.records else None
        occupant = self.state.occupant(slot)
        if last and occupant and (last.release, last.outcome) == (occupant.release, "switched"):
            undone = replace(last, outcome="failed", reason="its switch was interrupted, and undone")
            self.session.append_record(undone.line())

    def _serve_again(self, repair: Repair, situation: Situation) -> None:
        slot = self.state.active
        if slot is None:
            return
        name = self.state.occupants[slot].container
        try:
            if repair.action == "recreate-active":
                self._recreate(slot, situation)
            else:
                self.engine.start(name)
            if not self.await_ready(slot):
                timeout = self.config.rollout.ready_timeout
                raise RecoveryFailed(
                    f"{name} serves, but is not ready {timeout:.0f} s after its start",
                    remedy="see its log; then deploy a better release or go back to an earlier one",
                    details=self.engine.logs(name),
                )
        except (EngineUnreachable, EngineForbidden):
            raise
        except (RecoveryFailed, EngineError, ConfigError) as error:
            self.hopeless = RecoveryFailed(error.message, remedy=error.remedy, details=error.details)
            self.emit(Warned(error.message))

    def _recreate(self, slot: Slot, situation: Situation) -> None:
        """The serving container was removed by hand: make it again from what the history says of it."""
        occupant = self.state.occupants[slot]
        record = next(
            (item for item in reversed(situation.records) if item.release == occupant.release), None
        )
        image = record.image if record else self.config.service.image
        found = self.engine.image(record.image_id) if record and record.image_id else None
        if image and not found:
            found = self.engine.image(image)
        if image is None or found is None:
            raise RecoveryFailed(
                f"the serving container {occupant.container} is gone, "
                f"and so is its image {image or '(unknown)'}",
                remedy="deploy a release: `deployer rollout`",
            )
        candidate = Candidate(
            occupant.release,
            image,
            occupant.container,
            git_sha=record.git_sha if record else None,
            image_id=str(found["Id"]),
        )
        body = release_container(self.config, candidate, slot, self.addresses[slot], self.environ)
        self.engine.create(candidate.container, body)
        for network in self.config.service.networks:
            self.engine.connect(network, candidate.container)
        self.engine.start(candidate.container)
        self.engine.set_restart_policy(candidate.container, "always")

    def await_ready(self, slot: Slot | None, timeout: float | None = None) -> bool:
        """Wait until the edge's check of a slot passes; whether it did.

        :param timeout: seconds; None: `rollout.ready_timeout`.
        """
        deadline = time.monotonic() + (self.config.rollout.ready_timeout if timeout is None else timeout)
        while slot is not None and time.monotonic() < deadline:
            if slot in self.session.ready():
                return True
            time.sleep(0.05)
        self.emit(Warned(f"slot {slot} did not become ready in time"))
        return False


def edge_image(engine: Engine, config: Config, emit: Emit) -> str:
    """The image for the edge (and the lock): the configured one, or one built once on this engine."""
    from deployer.image.build import build_dockerfile, ensure_image

    edge = config.edge
    if edge.image:
        ensure_image(engine, edge.image, emit)
        return edge.image
    bases = [edge.base] if edge.base else list(EDGE_BASES)
    base = next((name for name in bases if engine.image(name)), bases[0])
    text = render("docker/edge.Dockerfile.j2", base=base)
    labels = {"deployer.role": "edge-image"}

    def news(event: Event) -> None:
        # That it is there already is no news: it is there for every command but the first.
        if not (isinstance(event, BuildFinished) and event.reused):
            emit(event)

    return build_dockerfile(engine, "deployer-edge", text, labels, news)


@contextlib.contextmanager
def changing(
    engine: Engine,
    config: Config,
    emit: Emit,
    environ: Mapping[str, str] = os.environ,
    *,
    command: str,
    lock_wait: float | None = None,
    preflight: Callable[[Shell], None] | None = None,
    create: bool = True,
    public: bool = True,
) -> Iterator[Work]:
    """Hold the lock over a changing command; it begins and, when it fails, ends with reconciliation.

    :param preflight: given a shell on the host before anything is touched; raises to refuse.
    :param create: make the edge where there is none; otherwise that is an error.
    :param public: whether an edge that is made takes the service's ports at once.
    :raises Locked: somebody else is at it.
    """
    service = config.service.name
    standing = edge_container.find(engine, service)
    image = _image_of(engine, standing) or edge_image(engine, config, emit)
    shell = _shell_in(engine, standing)
    lock = Lock(engine, service, image, command)
    wait = config.rollout.lock_wait if lock_wait is None else lock_wait
    lock.acquire(wait, lambda holder, seconds: emit(LockAwaited(str(holder), seconds)))
    work: Work | None = None
    try:
        if preflight:
            _from_host(engine, lock, shell, preflight)
        work = _open(engine, config, emit, environ, lock, image, shell, create=create, public=public)
        work.reconcile()
        # Until here the lock's container may still have been starting: what was changed was checked before.
        lock.check()
        yield work
    except BaseException:
        if work is not None:
            _put_right(work)
        raise
    finally:
        with shielded():
            if work is not None:
                work.session.close()
            if shell is not None:
                shell.close()
            lock.release()


def _image_of(engine: Engine, edge: Inspect | None) -> str | None:
    """The image that the edge runs, which then need not be worked out; None where it is gone."""
    return str(edge["Image"]) if edge and engine.image(edge["Image"]) else None


def _shell_in(engine: Engine, edge: Inspect | None) -> Shell | None:
    """A shell in a running edge: it comes up while the lock does."""
    if edge is None or not edge_container.is_running(edge):
        return None
    shell = engine.shell(edge["Id"])
    try:
        shell.open()
    except EngineError:
        return None  # it has just gone down; `_open` sees to that
    return shell


def _from_host(engine: Engine, lock: Lock, shell: Shell | None, preflight: Callable[[Shell], None]) -> None:
    """Run a preflight in the edge's shell, else in one of the lock's container: both see the same host."""
    if shell is not None:
        try:
            return preflight(shell)
        except ShellError:
            pass  # the edge went down
    lock.check()
    other = engine.shell(lock.id)
    try:
        preflight(other)
    finally:
        other.close()


def _put_right(work: Work) -> None:
    """After a failure: leave one good state behind, if the engine still lets us."""
    with shielded():
        try:
            work.lock.check()
            # Or it is the edge that went, and is just coming back.
            work.session.await_answer(edge_container.START_TIMEOUT)
            work.session.end_previews()
            work.reconcile()
        except DeployerError as error:
            work.emit(Warned(f"cleaning up failed ({error.message}); `deployer recover` finishes it"))


def _open(
    engine: Engine,
    config: Config,
    emit: Emit,
    environ: Mapping[str, str],
    lock: Lock,
    image: str,
    shell: Shell | None,
    *,
    create: bool,
    public: bool,
) -> Work:
    service = config.service.name
    finished = edge_container.finish_upgrade(engine, service, lock.check)
    if finished:
        emit(Repaired(finished))
    container = edge_container.find(engine, service)
    if container and container["State"]["Status"] == "created":
        # Whoever made it died before giving it its files and starting it; nobody is served by it.
        lock.check()
        engine.remove(container["Id"])
        container = None
    if container is None and not create:
        raise EdgeError(f"{service} has no edge on this host", remedy="the first `deployer rollout` makes it")
    if container and create and public and not edge_container.is_public(container):
        # An adoption was given up. Its edge goes; the one made below takes the port, if that is free.
        lock.check()
        engine.remove(container["Id"])
        container = None
    networked = existing_addresses(engine, service) is not None
    if not networked or container is None or not edge_container.is_running(container):
        lock.check()
    try:
        addresses = ensure_network(engine, config)
        if container is None:
            container = edge_container.install(engine, config, image, addresses, EdgeState(), public=public)
            emit(Repaired("made the edge")) if gather(engine, service).members else None
        elif not edge_container.is_running(container):
            emit(Repaired("the edge was down; starting it"))
            container = edge_container.start(engine, config, edge_container.container_name(service))
        if shell is not None and shell.container != container["Id"]:
            shell = None
        session = EdgeSession(engine, container, addresses, shell)
        session.await_answer(edge_container.START_TIMEOUT)
    except BaseException:
        if not networked:
            with shielded(), contextlib.suppress(EngineError):
                engine.remove_network(network_name(service))
        raise
    return Work(engine, config, emit, environ, lock, addresses, session)
