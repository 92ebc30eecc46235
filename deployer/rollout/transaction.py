"""The frame of every changing command: lock, preflight, edge, reconciliation; if it fails, that once more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from deployer.edge import container as edge_container
from deployer.edge.network import ensure_network, existing_addresses, network_name
from deployer.edge.session import EdgeSession
from deployer.edge.state import EdgeState
from deployer.errors import (
    Conflict,
    DeployerError,
    EdgeError,
    EngineError,
    LockError,
    NotFound,
    ReleaseFailed,
)
from deployer.events import LockAwaited, Repaired, Warned
from deployer.host.engine import Engine, Inspect
from deployer.host.lock import Lock
from deployer.host.shell import Shell, ShellError
from deployer.image.edge import edge_image, has_edge_image
from deployer.interrupts import shielded
from deployer.rollout.operation import Operation
from deployer.rollout.preflight import check_disk, disk_here
from deployer.rollout.repair import reconcile
from deployer.rollout.situation import gather
from deployer.rollout.work import Work

_BY_OTHERS = (ReleaseFailed, NotFound, Conflict)
"""What a command meets, too, that lost its lock: others have cleared away what it has in its hands."""


@contextlib.contextmanager
def changing(
    operation: Operation,
    command: str,
    *,
    preflight: Callable[[Shell], None] | None = None,
    create: bool = True,
    public: bool = True,
) -> Iterator[Work]:
    """Hold the lock over a changing command; it begins and, when it fails, ends with reconciliation.

    :param command: what it is called: told to whoever waits.
    :param preflight: given a shell on the host before anything is touched; raises to refuse.
    :param create: make the edge where there is none; otherwise that is an error.
    :param public: whether an edge that is made takes the service's ports at once.
    :raises Locked: somebody else is at it.
    """
    engine, config, emit = operation.engine, operation.config, operation.emit
    standing = edge_container.find(engine, operation.service)
    image = _image_of(engine, standing) or operation.edge_image
    if image is None:
        if preflight and create and not has_edge_image(engine, config):
            # To have it takes disk. Where that cannot be seen from here, the preflight is the first to know.
            free = disk_here(engine)
            if free is not None:
                check_disk(config, free)
        image = edge_image(engine, config, emit)
    lock = Lock(engine, operation.service, image, command)
    wait = config.rollout.lock_wait if operation.lock_wait is None else operation.lock_wait
    shell: Shell | None = None
    work: Work | None = None
    try:
        lock.acquire(wait, lambda holder, seconds: emit(LockAwaited(str(holder), seconds)))
        shell = _shell_in(engine, standing)
        if preflight:
            _from_host(engine, lock, shell, preflight)
        work = _open(operation, lock, image, shell, create=create, public=public)
        reconcile(work, keep_standby=command == "rollback")
        # Until here the lock's container may still have been starting: what was changed was checked before.
        lock.check()
        yield work
    except BaseException as error:
        if work is not None:
            _put_right(work, told=isinstance(error, (LockError, *_BY_OTHERS)))
        if work is not None and isinstance(error, _BY_OTHERS):
            # Whoever has the lock by now clears away what is ours, and an engine that goes down ends a
            # candidate and the lock: no verdict on the release.
            with shielded():
                lock.check()
        raise
    finally:
        with shielded():
            if work is not None:
                work.session.close()
            if shell is not None:
                shell.close()
            operation.afterwards(lock.release)


def _image_of(engine: Engine, edge: Inspect | None) -> str | None:
    """The image that the edge runs, which then need not be worked out; None where it is gone."""
    return str(edge["Image"]) if edge and engine.image(edge["Image"]) else None


def _shell_in(engine: Engine, edge: Inspect | None) -> Shell | None:
    """A shell in a running edge: it comes up while the lock does."""
    if edge is None or not edge_container.is_running(edge):
        return None
    shell = Shell(engine, edge["Id"])
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
    other = Shell(engine, lock.id)
    try:
        preflight(other)
    finally:
        other.close()


def _put_right(work: Work, *, told: bool) -> None:
    """After a failure: leave one good state behind, if the engine still lets us, and the lock is ours.

    :param told: the command's error is going to say so where it is not.
    """
    with shielded():
        try:
            work.lock.check()
            # Or it is the edge that went, and is just coming back.
            work.session.await_answer(edge_container.START_TIMEOUT)
            work.session.end_previews()
            # Not now: stopping a warm release can take as long as its last stream.
            reconcile(work, keep_standby=True)
            # One whose end was interrupted is there to fall back to again.
            work.session.weigh(work.state)
        except DeployerError as error:
            if isinstance(error, LockError) and told:
                return
            work.emit(Warned(f"cleaning up failed ({error.message}); `deployer recover` finishes it"))


def _open(
    operation: Operation,
    lock: Lock,
    image: str,
    shell: Shell | None,
    *,
    create: bool,
    public: bool,
) -> Work:
    engine, config, emit, service = operation.engine, operation.config, operation.emit, operation.service
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
    addresses = existing_addresses(engine, service)
    networked = addresses is not None
    if not networked or container is None or not edge_container.is_running(container):
        lock.check()
    try:
        addresses = addresses or ensure_network(engine, config)
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
    return Work(operation, lock, addresses, session)
