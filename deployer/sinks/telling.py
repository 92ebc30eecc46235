"""Opens the ends of `notify` for one command, and says in the end what could not be told.

    with open_telling(config, environ, "rollout") as telling:
        telling.emit(Switched("r2", "green"))       # at once, whatever the ends do
    telling.lost                                    # an Undelivered, or None

A command is never slower or worse for its ends. Each has a queue with an end, a thread, timeouts and retries
(`courier`); when the command is done, all of them together are waited for `notify.deadline`.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from deployer.config.schema import Config
from deployer.config.sections.notify import CloudWatchEnd, End, FileEnd, SlackEnd, WebhookEnd
from deployer.errors import Interrupted
from deployer.events import Event, Undelivered
from deployer.sinks.courier import ATTEMPTS, Courier, Pace
from deployer.sinks.end import End as Sink
from deployer.sinks.end import Happening, Run
from deployer.sinks.making import Maker
from deployer.sinks.wanted import Wanted


class Telling:
    """The ends of one command. `emit` is an `Emit`: it never raises, and never waits.

    :ivar deadline: seconds that closing takes at most.
    :ivar lost: what was not told; known once it is closed.
    """

    def __init__(self, couriers: Sequence[Courier], deadline: float) -> None:
        self.couriers = couriers
        self.lost: Undelivered | None = None
        self.deadline = deadline
        self._closed = False

    def emit(self, event: Event) -> None:
        """Tell everybody who wants to know."""
        if self._closed:
            return
        happening = Happening(time.time(), event)
        for courier in self.couriers:
            courier.put(happening)

    def close(self, patience: float | None = None) -> Undelivered | None:
        """Wait for what is still to be told, and say what was not.

        A signal ends the wait: what the command itself came to stays as it is.

        :param patience: seconds at most; None: `notify.deadline`.
        """
        if not self._closed:
            self._closed = True
            ends = time.monotonic() + (self.deadline if patience is None else patience)
            try:
                for courier in self.couriers:
                    courier.hurry(ends)
                for courier in self.couriers:
                    courier.wait()
            except Interrupted:
                pass
            lost = tuple(found for courier in self.couriers if (found := courier.lost()) is not None)
            self.lost = Undelivered(lost) if lost else None
        return self.lost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_telling(
    config: Config,
    environ: Mapping[str, str] = os.environ,
    command: str = "",
    *,
    story: bool = True,
    quiet: bool = False,
    commit: bool = True,
    memory: Path | None = None,
    only: str | None = None,
    attempts: int = ATTEMPTS,
) -> Telling:
    """Open the ends that the config names. Nothing is asked of them yet, and none of them can make this fail.

    :param command: in words, as `site deploy`.
    :param story: the events belong to one command, which will end; else each is news by itself.
    :param quiet: a person need not be told that it went well.
    :param commit: the commit of the config's folder is what it is about.
    :param memory: where the processes of one run keep which message is theirs; None: there is one process.
    :param only: the name of the one end to open.
    :param attempts: to send one thing.
    """
    named = [(kind, end) for kind, end in config.notify.ends() if only in (None, end.name)]
    if not named:
        return Telling((), 0.0)
    run = _run(config, environ, command, story=story, quiet=quiet, commit=commit)
    maker = Maker(config, environ, run, memory)
    return Telling(
        [
            Courier(end.name, kind, _wants(end), _making(maker, end), _pace(end, attempts))
            for kind, end in named
        ],
        config.notify.deadline,
    )


def _wants(end: End) -> Callable[[Event], bool]:
    return Wanted(end.level, end.events, end.details).has


def _making(maker: Maker, end: SlackEnd | WebhookEnd | CloudWatchEnd | FileEnd) -> Callable[[], Sink]:
    return lambda: maker.make(end)


def _pace(end: End, attempts: int) -> Pace:
    # Slack lets a bot change messages about once a second.
    return Pace(gather=1.5 if isinstance(end, SlackEnd) else 0.5, attempts=attempts)


def _run(
    config: Config, environ: Mapping[str, str], command: str, *, story: bool, quiet: bool, commit: bool
) -> Run:
    sha, author = _revision(config)
    return Run(
        id=environ.get("BUILD_TAG") or secrets.token_hex(8),
        command=command,
        service=config.service.name,
        environment=config.environment or "",
        who=_who(environ, author),
        commit=(environ.get("GIT_COMMIT") or sha) if commit else "",
        link=config.notify.link or environ.get("BUILD_URL", ""),
        story=story,
        quiet=quiet,
    )


def _who(environ: Mapping[str, str], author: str) -> str:
    """A person where one is known: who started the build, who made the commit that a push brought."""
    from deployer.host.lock import identity

    named = environ.get("DEPLOYER_WHO") or environ.get("BUILD_USER") or environ.get("CHANGE_AUTHOR")
    if named:
        return named
    if "BUILD_TAG" in environ and author:
        return author
    return identity({})


def _revision(config: Config) -> tuple[str, str]:
    """The commit of the config's folder and its author; empty where there is no repository."""
    from deployer.image.git import shown

    sha, _, author = (shown(config.root, "log", "-1", "--format=%H%n%an") or "").partition("\n")
    return sha, author
