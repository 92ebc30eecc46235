"""The steps of a command, timed and told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from msgspec import Struct, field

from deployer.errors import reason_of
from deployer.events import Emit, PhaseFailed, PhaseFinished, PhaseProgress, PhaseStarted


class Phases(Struct):
    """Runs the steps of one command and keeps how long each took."""

    emit: Emit
    began: float = field(default_factory=time.monotonic)
    finished: list[dict[str, object]] = field(default_factory=list)

    @contextlib.contextmanager
    def phase(self, name: str, text: str) -> Iterator[None]:
        """One step: told at its start and its end, whichever way it ends."""
        start = time.monotonic()
        self.emit(PhaseStarted(name, text))
        try:
            yield
        except BaseException as error:
            seconds = time.monotonic() - start
            self._keep(name, seconds, "failed")
            self.emit(PhaseFailed(name, seconds, reason_of(error)))
            raise
        seconds = time.monotonic() - start
        self._keep(name, seconds, "done")
        self.emit(PhaseFinished(name, seconds, text))

    def progress(self, name: str, text: str) -> None:
        """How far the running step is."""
        self.emit(PhaseProgress(name, text))

    def elapsed(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self.began

    def _keep(self, name: str, seconds: float, state: str) -> None:
        self.finished.append({"name": name, "seconds": round(seconds, 3), "state": state})
