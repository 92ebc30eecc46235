"""Hooks: one-off containers of the new image, before the switch (migrations) and after it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from deployer.config.sections.rollout import Hook
from deployer.errors import ReleaseFailed
from deployer.events import LogLine
from deployer.rollout.release import hook_container
from deployer.rollout.work import Work

TAIL = 20
"""Lines of a failed container's log that are shown."""


def run_hook(work: Work, hook: Hook, image: str, release: str) -> None:
    """Run one hook to its end, its output told as it comes.

    :raises ReleaseFailed: it exited with something else than 0, or took longer than its timeout.
    """
    name = f"{work.service}-hook-{release}-{hook.name}"
    work.engine.create(name, hook_container(work.config, image, release, hook, work.environ))
    for network in work.config.service.networks:
        work.engine.connect(network, name)
    tail: deque[str] = deque(maxlen=TAIL)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        work.engine.kill(name)

    timer = threading.Timer(hook.timeout, expire)
    timer.daemon = True
    try:
        work.start(name)
        timer.start()
        for line in _lines(work, name):
            tail.append(line)
            work.emit(LogLine(hook.name, line))
        code = work.engine.wait(name, timeout=30)
    finally:
        timer.cancel()
        work.engine.remove(name)
    if expired.is_set():
        raise ReleaseFailed(
            f"hook {hook.name} took longer than its timeout of {hook.timeout:.0f} s and was stopped",
            remedy="raise the hook's timeout, or find out what it waits for",
            details=list(tail),
        )
    if code != 0:
        raise ReleaseFailed(
            f"hook {hook.name} failed with exit code {code}",
            details=list(tail),
            remedy="see its output above",
        )


def _lines(work: Work, name: str) -> Iterator[str]:
    """The container's output, line by line, until it ends."""
    rest = b""
    for chunk in work.engine.follow_logs(name, tail=-1, follow=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip() for line in lines)
    if rest:
        yield rest.decode("utf-8", "replace").rstrip()
