"""Who is told what happens: a terminal, a log, a program."""

from __future__ import annotations

from deployer.events import Emit, Event


def both(first: Emit, second: Emit) -> Emit:
    """A sink that is two."""

    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell


def lasting(emit: Emit) -> Emit:
    """A sink that falls silent once nobody reads it (a closed pipe, a full disk): the work itself goes on.

    A rollout must not stop in the middle because somebody has closed the `less` that showed it.
    """
    silent = False

    def tell(event: Event) -> None:
        nonlocal silent
        if silent:
            return
        try:
            emit(event)
        except OSError:
            silent = True

    return tell
