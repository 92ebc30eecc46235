"""Those who are told what a command does, and what they need to know of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from deployer.errors import DeployerError, Interrupted, carried

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from deployer.events import Event, Undelivered
    from deployer.sinks.telling import Telling

HASTE = 2.0
"""Seconds that a command waits for its ends after a signal: Jenkins kills what it aborts after five."""


class Deed(Struct, frozen=True):
    """What others are told that a command does. A command's module says it by `told(args)`.

    :param name: as in `site deploy`.
    :param quiet: a person need not be told that it went well.
    :param commit: it is about the commit of the config's folder.
    :param final: no other process of the same Jenkins build goes on with it.
    :param silent: neither its beginning nor its end is told, only what it emits, and that only of a build.
    :param memory: what the processes of one Jenkins build share, below the config's folder.
    """

    name: str
    quiet: bool = False
    commit: bool = True
    final: bool = True
    silent: bool = False
    memory: Path | None = None


class Listeners:
    """Whom the config of this command names; nobody until it is loaded."""

    def __init__(self, deed: Deed) -> None:
        self._deed = deed
        self._telling: Telling | None = None
        self._began = time.monotonic()
        self._final = deed.final

    def open(self, config: Config, environ: Mapping[str, str]) -> None:
        """The config is known: from now on, they hear."""
        if self._telling is not None or not any(config.notify.ends()):
            return
        from deployer.events import CommandStarted
        from deployer.sinks.telling import open_telling

        deed, build = self._deed, "BUILD_TAG" in environ
        if deed.silent and not build:
            return
        # Elsewhere nothing says which processes belong together.
        self._final = deed.final or not build
        memory = config.root / deed.memory if deed.memory and build else None
        self._telling = open_telling(
            config, environ, deed.name, quiet=deed.quiet, commit=deed.commit, memory=memory
        )
        if not deed.silent:
            self.emit(CommandStarted(deed.name))

    def emit(self, event: Event) -> None:
        """Tell them."""
        if self._telling is not None:
            self._telling.emit(event)

    def finish(self, status: int) -> Undelivered | None:
        """The command has done what it was to do."""
        if self._telling is None:
            return None
        from deployer.events import CommandFinished

        event = CommandFinished(self._deed.name, self._seconds(), status, self._final)
        return self._close(None if self._deed.silent else event)

    def fail(self, error: BaseException) -> Undelivered | None:
        """The command ends with an error."""
        if self._telling is None:
            return None
        from deployer.events import CommandFailed

        ours = (
            error if isinstance(error, DeployerError) else DeployerError(f"unexpected {type(error).__name__}")
        )
        result: Mapping[str, Any] = carried(error) or {}
        rollout = result.get("rollout")
        known = rollout if isinstance(rollout, Mapping) else result
        return self._close(
            CommandFailed(
                self._deed.name,
                self._seconds(),
                int(ours.exit_status),
                type(ours).__name__,
                ours.message,
                ours.remedy,
                _text(known.get("release")),
                _text(known.get("git_sha") or result.get("commit")),
                ours.details,
            ),
            hurried=isinstance(error, Interrupted),
        )

    def _close(self, event: Event | None, *, hurried: bool = False) -> Undelivered | None:
        """The last event. A signal that comes now ends only the wait: the work is done, well or not."""
        if self._telling is None:
            return None
        try:
            if event is not None:
                self._telling.emit(event)
            return self._telling.close(min(HASTE, self._telling.deadline) if hurried else None)
        except Interrupted:
            return self._telling.close(0.0)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 3)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
