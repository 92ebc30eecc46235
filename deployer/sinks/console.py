"""Events for people: plain lines anywhere, a live display on a terminal."""

from __future__ import annotations

from typing import Any, TextIO

from deployer.events import Emit, Event, PhaseFailed, PhaseFinished, PhaseProgress, PhaseStarted


def choose(stream: TextIO, *, live: bool) -> Emit:
    """The display that fits the stream."""
    return Live(stream).emit if live else Plain(stream).emit


class Plain:
    """A line per event, for logs: nothing moves, nothing is coloured."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def emit(self, event: Event) -> None:
        if isinstance(event, PhaseFinished) and event.seconds < 1.0:
            return
        sentence = event.sentence()
        if sentence:
            self.stream.write(sentence + "\n")
            self.stream.flush()


class Live:
    """A spinner with the running step and its seconds; finished steps stay above it with a tick."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.console = Console(file=stream, highlight=False, soft_wrap=True)
        self.status: Any = None

    def emit(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self._stop()
            self.status = self.console.status(event.text)
            self.status.start()
        elif isinstance(event, PhaseProgress):
            if self.status is not None:
                self.status.update(event.text)
        elif isinstance(event, PhaseFinished):
            self._stop()
            self.console.print(f"[green]✓[/] {event.text} [dim]{event.seconds:.1f} s[/]")
        elif isinstance(event, PhaseFailed):
            self._stop()
            self.console.print(f"[red]✗[/] {event.name}: ", end="")
            self.console.print(event.reason, markup=False)
        elif event.sentence():
            style = {"warning": "yellow", "error": "red"}.get(event.level)
            self.console.print(event.sentence(), style=style, markup=False)

    def _stop(self) -> None:
        if self.status is not None:
            self.status.stop()
            self.status = None
