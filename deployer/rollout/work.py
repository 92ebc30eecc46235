"""A changing command at work: its lock, its session with the edge, and the steps that several share."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from deployer.edge.configuration import Addresses
from deployer.edge.container import retiring
from deployer.edge.network import network_name
from deployer.edge.session import HISTORY, EdgeSession
from deployer.edge.state import EdgeState, Occupant, Slot
from deployer.edge.statistics import Traffic
from deployer.errors import (
    EngineError,
    EngineForbidden,
    EngineUnreachable,
    RecoveryFailed,
    ReleaseFailed,
)
from deployer.events import Switched, Warned
from deployer.host.lock import Lock
from deployer.rollout.meanwhile import meanwhile
from deployer.rollout.operation import Operation
from deployer.rollout.release import Candidate, Record, history, release_container
from deployer.rollout.situation import Situation, gather


class Work:
    """A changing command at work, holding the lock.

    :ivar state: the edge's state as last committed; reconciliation, which comes first, reads it.
    :ivar reconciled: the situation that reconciliation found, or left, in order.
    :ivar hopeless: why the serving release cannot be brought back, where it cannot; no reason not to deploy a
        better one.
    """

    def __init__(
        self,
        operation: Operation,
        lock: Lock,
        addresses: Addresses,
        session: EdgeSession,
    ) -> None:
        self.engine = operation.engine
        self.config = operation.config
        self.emit = operation.emit
        self.environ = operation.environ
        self.lock = lock
        self.addresses = addresses
        self.session = session
        self.state = EdgeState()
        self.reconciled: Situation | None = None
        self.hopeless: RecoveryFailed | None = None

    @property
    def service(self) -> str:
        return self.config.service.name

    def situation(self) -> Situation:
        """Read everything again."""
        return gather(self.engine, self.service, self.session)

    def history(self) -> tuple[Record, ...]:
        """The records of what has served, oldest first."""
        return tuple(history(self.session.read(HISTORY)))

    def commit(self, state: EdgeState, record: Record | None = None) -> None:
        """Write the state down; from here on it is what every command and every restart goes by."""
        self.session.commit(state, record=record.line() if record else "")
        self.state = state

    # -- steps that several commands share -----------------------------------

    def place(self, candidate: Candidate, slot: Slot) -> None:
        """Make a candidate's container for a slot, and write down that it is the slot's."""
        service = self.config.service
        occupant = Occupant(
            candidate.release,
            candidate.container,
            candidate.port or service.port,
            candidate.health or service.health,
        )
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

    def launch(self, slot: Slot) -> None:
        """Start the candidate in a slot; the edge checks it, and sends nobody there yet."""
        occupant = self.state.occupants[slot]
        # Not before its predecessor has gone: that one's last good check would pass for the candidate's.
        self.session.prepare(slot, occupant)
        self.start(occupant.container)

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
        self.emit(Switched(occupant.release, slot, record.git_sha))
        if previous and previous.container != occupant.container:
            with contextlib.suppress(EngineError):
                self.engine.set_restart_policy(previous.container, "no")

    def evict(self, slot: Slot, *, limit: float | None = None) -> None:
        """Empty a slot that does not serve: drain what still runs there, then SIGTERM its container.

        :param limit: seconds that draining may take, where less than the configured deadlines.
        """
        with self.evicting(slot, limit=limit):
            pass

    @contextlib.contextmanager
    def evicting(self, slot: Slot, *, limit: float | None = None) -> Iterator[None]:
        """The same, with something to do while the container ends: until the block has, it may still run."""
        occupant = self.state.occupant(slot)
        if occupant is None:
            yield
            return
        self._drain_out(slot, limit)
        container, timeout = occupant.container, self.config.service.stop_timeout
        with meanwhile(lambda: self.engine.stop(container, timeout)):
            # Killed before that has ended, it runs and is in no slot: the next command stops it.
            self.commit(self.state.vacated(slot))
            yield

    def discard(self, slot: Slot) -> None:
        """Empty a slot of a release that never served, and leave nothing of it."""
        occupant = self.state.occupants[slot]
        # What a bad release still has in its hands is not worth the long deadline of streams.
        if self._drain_out(slot, self.config.rollout.drain):
            self.engine.stop(occupant.container, self.config.service.stop_timeout)
        self.engine.remove(occupant.container)
        self.commit(self.state.vacated(slot))

    def _drain_out(self, slot: Slot, limit: float | None) -> int:
        """Let nobody into a slot any more, and wait for what runs in it; what is still running then."""
        self.session.weigh(replace(self.state, standby=None) if self.state.standby == slot else self.state)
        left = self.drain(slot, limit=limit)
        # That may have taken minutes: if this machine slept, somebody else may have let this slot serve.
        self.lock.check()
        return left

    def drain(
        self,
        slot: Slot,
        *,
        limit: float | None = None,
        watch: Callable[[Mapping[Slot, Traffic]], None] | None = None,
    ) -> int:
        """Wait until nothing runs in a slot, or its deadlines are over; what is still running then.

        :param limit: seconds at most, where less than the configured deadlines.
        :param watch: given what each look finds.
        """
        rollout = self.config.rollout
        began = time.monotonic()
        zeros = 0
        while True:
            found = self.session.traffic()
            traffic = found[slot]
            waited = time.monotonic() - began
            busy = traffic.requests if waited < rollout.drain else 0
            busy += traffic.streams if waited < rollout.drain_streams else 0
            # Read twice: a request can be between its queue and its server.
            zeros = zeros + 1 if busy == 0 else 0
            if zeros == 2 or (limit is not None and waited >= limit):
                return traffic.requests + traffic.streams
            if watch:
                watch(found)
            time.sleep(0.03)

    def older_edges(self) -> list[str]:
        """The edges from before an upgrade that still finish requests: those run in slots by an older map."""
        found = retiring(self.engine, self.service)
        return [str(item["Id"]) for item in found if item["State"] == "running"]

    def await_older_edges(self) -> None:
        """Before anything is stopped: only they know what of theirs it would cut off."""
        deadline = time.monotonic() + self.config.rollout.drain_streams
        for edge in self.older_edges():
            while self.engine.wait(edge, min(1.0, deadline - time.monotonic())) is None:
                self.lock.check()
                if time.monotonic() >= deadline:
                    self.emit(Warned("what an edge from before its upgrade still finishes may be cut off"))
                    return
            self.engine.remove(edge)

    def take_back(self, slot: Slot | None, record: Record) -> None:
        """Undo a switch: `slot` serves again (or nobody does), and what served is a candidate once more."""
        state = replace(self.state, active=slot, standby=None, warm_until=0.0)
        occupant = state.occupant(slot)
        # At once: until here people get what the bad one answers. A restart still goes by what is stored.
        self.session.switch(state)
        if occupant:
            self.engine.set_restart_policy(occupant.container, "always")
        self.commit(state, record)

    def promote(self, slot: Slot) -> None:
        """Let the standby, which the edge has fallen back to, serve for good; what served is a stray now."""
        self.engine.set_restart_policy(self.state.occupants[slot].container, "always")
        state = replace(self.state, active=slot, standby=None, warm_until=0.0)
        self.session.switch(state)
        self.commit(state)

    def preview_token(self, slot: Slot) -> str:
        """Open the preview route to a slot: a secret for the `x-preview` header."""
        token = secrets.token_hex(16)
        self.session.preview(token, slot)
        return token

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
