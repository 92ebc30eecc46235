"""All hosts or none: reached, and held against other deployers."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator, Sequence

from deployer.errors import DeployerError, EngineUnreachable, HostUnreachable, LockError
from deployer.events import Note
from deployer.fleet.inventory import Fleet
from deployer.fleet.work import Member, Outcome, each, reached
from deployer.host.engine import Engine
from deployer.host.lock import Lock, on_all_hosts
from deployer.interrupts import shielded


@contextlib.contextmanager
def all_reached(fleet: Fleet) -> Iterator[list[Member]]:
    """All of the hosts, or none: what one cannot reach one does not begin to change.

    :raises HostError: with a line for each host that cannot be reached.
    """
    with reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (connected, lost):
        members, silent = answering(connected)
        errors = [found.error for found in lost] + [found.error for found in silent]
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


def answering(members: Sequence[Member]) -> tuple[list[Member], list[Outcome[Engine]]]:
    """Those whose engine answers, and why the others' does not: they can be neither locked nor changed."""
    asked = each(members, lambda member: member.engine)
    there = [member for member, found in zip(members, asked, strict=True) if found.error is None]
    return there, [found for found in asked if found.error is not None]


@contextlib.contextmanager
def locked(fleet: Fleet, members: Sequence[Member], command: str) -> Iterator[None]:
    """Hold the fleet's lock on every host: two deployers that share one host do not both go on.

    :raises Locked: somebody else holds it on one of them, and it was waited for as long as was said.
    """
    held: list[Lock] = []
    adding = threading.Lock()

    def take(member: Member) -> None:
        image = lock_image(member)
        if image is None:
            return  # nothing of ours was ever there
        lock = Lock(member.engine, on_all_hosts(fleet.config.service.name), image, command)
        with adding:
            held.append(lock)
        lock.acquire(0.0)
        lock.check()

    deadline = time.monotonic() + fleet.wait
    told = False
    try:
        while True:
            taken = each(members, take)
            refused = [_named(found.host, found.error) for found in taken if found.error is not None]
            locks = [error for error in refused if isinstance(error, LockError)]
            if refused and (not locks or time.monotonic() >= deadline):
                raise (locks or refused)[0]
            if not refused:
                break
            if not told:
                told = True
                fleet.emit(Note(f"{locks[0].message}; waiting up to {fleet.wait:.0f} s"))
            # Whoever holds some and wants the rest gives all back: two who do so do not wait for ever, unless
            # they try again in step. A name that another holds cannot be waited for but by asking again.
            _release(held)
            time.sleep(0.2 + secrets.randbelow(800) / 1000)
        yield
    finally:
        with shielded():
            _release(held)


def _named(host: str, error: DeployerError) -> DeployerError:
    """An error in taking its lock, as one of the host: an engine's would be taken for the deployer's own."""
    if not isinstance(error, EngineUnreachable):
        return error
    return HostUnreachable(
        f"{host}: {error.message}",
        remedy="see that it runs, and run the command again",
        details=error.details,
    )


def _release(held: list[Lock]) -> None:
    each(list(held), lambda lock: lock.release(), name=lambda lock: lock.service)
    held.clear()


def lock_image(member: Member) -> str | None:
    from deployer.edge import container as edge_container

    standing = edge_container.find(member.engine, member.config.service.name)
    for candidate in (standing["Image"] if standing else None, member.edge_image):
        if candidate and member.engine.image(candidate):
            return str(candidate)
    return None
