"""Work on several hosts at the same time, each in a thread, with one end for all."""

from __future__ import annotations

import contextlib
import shlex
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.sections.hosts import Machine
from deployer.config.units import humanize_size
from deployer.errors import (
    DeployerError,
    EngineUnreachable,
    HostError,
    HostUnreachable,
    Interrupted,
    PreflightError,
    unforeseen,
)
from deployer.events import Emit, Event, OnHost
from deployer.fleet.inventory import target
from deployer.host import facts
from deployer.host.engine import Engine
from deployer.host.facts import Facts
from deployer.host.ssh import Connection, Jumps
from deployer.interrupts import interrupt, shielded
from deployer.rollout.operation import Operation

Value = TypeVar("Value")

_telling = threading.Lock()
AT_ONCE = 10
"""Hosts that are asked something at the same time, where no batch says otherwise."""
_GLANCE = 0.2
"""Seconds after which whoever waits for all looks up for signals."""


class Member:
    """A host that was reached: one SSH connection, and the engine through it."""

    def __init__(
        self,
        config: Config,
        host: Machine,
        emit: Emit,
        environ: Mapping[str, str],
        jumps: Jumps | None = None,
    ) -> None:
        self.host = host
        self.name = host.name
        self.config = config
        self.emit = _tagged(host.name, emit)
        self.environ = environ
        self.edge_image: str | None = None
        self.connection = Connection(target(config, host), environ, jumps)
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """Its engine.

        :raises HostError: there is none, or this user may not use it.
        """
        if self._engine is None:
            self._check_socket()
            self._engine = Engine(
                self.connection.target.url, dial=lambda: self.connection.dial(self.host.docker)
            )
        return self._engine

    def facts(self, folder: str, names: Sequence[str] = ()) -> Facts:
        """What it says of itself.

        :param folder: its engine's data folder. :param names: what it should be able to resolve.
        :raises HostError: no answer.
        """
        return facts.over(self.connection, self.host.docker, folder, names)

    def operation(self, lock_wait: float | None) -> Operation:
        """A command's operation on this host."""
        return Operation(self.engine, self.config, self.emit, self.environ, lock_wait, self.edge_image)

    def sent(self) -> int:
        """Bytes that have gone to it until now."""
        return self.connection.sent

    def check_room(self, needed: int) -> None:
        """Refuse to send what would fill the disk of a host that serves.

        :param needed: bytes that its engine will take.
        :raises PreflightError: that would leave less than `rollout.disk_free`.
        """
        folder = self.engine.info()["DockerRootDir"]
        said = self.connection.run(f"df -PB1 {shlex.quote(folder)}").output.split()
        if len(said) < 5 or not said[-3].isdigit():
            return  # it does not say: the engine will, when there is no room
        free, kept = int(said[-3]), self.config.rollout.disk_free
        if free < needed + kept:
            raise PreflightError(
                f"{self.name}: the image takes {humanize_size(needed)} at {folder} while it is unpacked, and "
                f"{humanize_size(free)} are free, of which {humanize_size(kept)} are to stay so "
                "(rollout.disk_free)",
                remedy=f"make room: `deployer prune --host {self.name}`; `docker system df` there",
            )

    def close(self) -> None:
        """Hang up."""
        if self._engine is not None:
            self._engine.close()
        self.connection.close()

    def _check_socket(self) -> None:
        """A refused channel has no reason; a shell over there does."""
        path = self.host.docker
        try:
            self.connection.dial(path).close()
        except HostUnreachable:
            raise
        except HostError as error:
            asked = (
                f"if [ -S {path} ]; then [ -w {path} ] || echo forbidden; "
                'elif PATH="$PATH:/usr/sbin"; command -v dockerd >/dev/null; then echo stopped; '
                "else echo missing; fi"
            )
            said = self.connection.run(asked).output.strip()
            user = self.connection.target.login
            raise HostError(
                {
                    "missing": f"{self.name} has no Docker engine at {path}",
                    "stopped": f"the Docker engine of {self.name} does not run: there is no {path}",
                    "forbidden": f"{self.name} does not let {user} use the Docker engine at {path}",
                }.get(said, f"nobody answers at {path} of {self.name} through SSH"),
                remedy={
                    "missing": f"`deployer host prepare --host {self.name}` installs one",
                    "stopped": "`sudo systemctl start docker` over there; `journalctl -u docker` says why",
                    "forbidden": f"`sudo usermod -aG docker {user}` over there, or `deployer host prepare`",
                }.get(
                    said,
                    "start the engine over there, if it is down (`sudo systemctl start docker`); else allow "
                    "AllowStreamLocalForwarding in its sshd_config",
                ),
            ) from error


class Outcome(Struct, Generic[Value]):
    """What came of one host: a value, or why there is none."""

    host: str
    value: Value | None = None
    error: DeployerError | None = None
    seconds: float = 0.0

    @property
    def lost(self) -> bool:
        """Whether nobody can know what happened over there."""
        return isinstance(self.error, HostError | EngineUnreachable)


@contextlib.contextmanager
def reached(
    config: Config, hosts: Sequence[Machine], emit: Emit, environ: Mapping[str, str]
) -> Iterator[tuple[list[Member], list[Outcome[Member]]]]:
    """Connections to all of the hosts at once: those that were reached, and why the others were not."""
    with Jumps(environ) as jumps:
        found = each(
            hosts, lambda host: Member(config, host, emit, environ, jumps), name=lambda host: host.name
        )
        members = [outcome.value for outcome in found if outcome.value is not None]
        try:
            yield members, [outcome for outcome in found if outcome.error is not None]
        finally:
            for member in members:
                with contextlib.suppress(Exception):
                    member.close()


Item = TypeVar("Item")


def each(
    items: Sequence[Item],
    work: Callable[[Item], Value],
    *,
    name: Callable[[Item], str] = lambda item: str(getattr(item, "name", item)),
    at_once: int = AT_ONCE,
    ended: Callable[[Outcome[Value]], None] = lambda _: None,
    interrupted: Callable[[], None] = lambda: None,
) -> list[Outcome[Value]]:
    """Do `work` for each of the items, `at_once` of them at a time; what came of each, in their order.

    :param ended: told of each as it ends, one after the other; also of those that an interrupt ended.
    :param interrupted: called when we were: to end what waits where no checkpoint comes.
    :raises Interrupted: we were, and all of them have come to their own end.
    """
    outcomes: list[Outcome[Value]] = [Outcome(name(item)) for item in items]
    free = threading.Semaphore(at_once)
    stop = threading.Event()
    told = threading.Condition()
    done: list[str] = []

    def run(outcome: Outcome[Value], item: Item) -> None:
        with free:
            began = time.monotonic()
            try:
                if stop.is_set():
                    raise Interrupted(signal.SIGTERM)
                outcome.value = work(item)
            except DeployerError as error:
                outcome.error = error
            except Exception as error:  # noqa: BLE001 -- the other hosts must be told, and go back
                outcome.error = _fault(error)
            outcome.seconds = time.monotonic() - began
        with told:
            ended(outcome)
            done.append(outcome.host)
            told.notify()

    threads = [
        threading.Thread(target=run, args=pair, daemon=True) for pair in zip(outcomes, items, strict=True)
    ]
    started: list[threading.Thread] = []

    def await_all() -> None:
        # Not by joining: interrupted by an exception in that, Python 3.11 takes a thread for ended.
        # Nor for ever at once: a signal right before a wait, or in another thread, does not end it.
        with told:
            while not told.wait_for(lambda: len(done) == len(started), _GLANCE):
                pass

    try:
        for thread, outcome in zip(threads, outcomes, strict=True):
            started.append(thread)
            try:
                thread.start()
            except RuntimeError as error:  # one of many threads too many: the others are at work already
                started.pop()
                outcome.error = _fault(error)
                with told:
                    ended(outcome)
        await_all()
    except Interrupted as error:
        stop.set()
        with shielded():
            started[:] = [thread for thread in started if thread.ident is not None]
            for thread in (thread for thread in started if thread.is_alive()):
                interrupt(thread, int(error.exit_status) - 128)
            interrupted()
            await_all()
        raise
    return outcomes


def _fault(error: Exception) -> DeployerError:
    """With the place where it happened: nobody will see its traceback."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return unforeseen(error, details=[f"in {place.name}, {place.filename}:{place.lineno}"])


def _tagged(host: str, emit: Emit) -> Emit:
    def tell(event: Event) -> None:
        with _telling:  # sinks know of one thread only
            emit(OnHost(host, event))

    return tell
