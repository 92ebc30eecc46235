"""Events for people: plain lines anywhere, a live display on a terminal."""

from __future__ import annotations

import atexit
import time
from typing import TYPE_CHECKING, TextIO, cast

from deployer.events import (
    BatchStarted,
    BuildProgress,
    Emit,
    Event,
    OnHost,
    PhaseFailed,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    Pruned,
    RolledBack,
    Switched,
)
from deployer.sinks.board import Board

if TYPE_CHECKING:
    from rich.live import Live as Display
    from rich.text import Text


def choose(stream: TextIO, *, live: bool) -> Emit:
    """The display that fits the stream."""
    return Live(stream).emit if live else Plain(stream).emit


class Plain:
    """A line per event, for logs: nothing moves, nothing is coloured."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.phase = ""
        self.hosts: dict[str, Plain] = {}

    def emit(self, event: Event) -> None:
        if isinstance(event, OnHost):
            # Phases of several hosts run at the same time: each has a memory of its own.
            of_host = self.hosts.setdefault(event.host, Plain(self.stream))
            of_host.say(event.event, f"{event.host}: ")
        else:
            self.say(event)

    def say(self, event: Event, before: str = "") -> None:
        """Write the event's line, if it has one."""
        if isinstance(event, PhaseStarted):
            self.phase = event.text
        sentence = self._sentence(event)
        if sentence:
            self.stream.write(f"{before}{sentence}\n")
            self.stream.flush()

    def _sentence(self, event: Event) -> str:
        if isinstance(event, PhaseFailed):
            # The reason is the command's last word; twice it would hide what stands between.
            return f"failed: {self.phase or event.name} ({event.seconds:.1f} s)"
        if isinstance(event, PhaseFinished):
            # What took no time worth knowing was told when it began.
            told = event.text and event.seconds >= 1.0
            return f"done: {event.text} ({event.seconds:.1f} s)" if told else ""
        if isinstance(event, Pruned):
            return ""  # the command says it
        return event.sentence()


class Live:
    """The running step with its seconds; finished steps stay above it with a tick.

    What a build prints is shown as it goes by: where it fails, the error has its last lines.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.console = Console(file=stream, highlight=False, soft_wrap=True)
        self.phase = ""
        self.step: Step | None = None
        self.display: Display | None = None
        self.board: Board | None = None

    def emit(self, event: Event) -> None:
        if isinstance(event, OnHost | BatchStarted):
            self._on_hosts(event)
        elif isinstance(event, PhaseStarted):
            self._begin(event.text)
        elif isinstance(event, PhaseProgress | BuildProgress):
            if self.step:
                self.step.progress = event.text
        elif isinstance(event, PhaseFinished):
            self._end("✓", "green", event.text, event.seconds)
        elif isinstance(event, PhaseFailed):
            self._end("✗", "red", self.phase or event.name, event.seconds)
        elif event.sentence() and not isinstance(
            event, Pruned | Switched
        ):  # the command says it, or a tick does
            style = {"warning": "yellow", "error": "red"}.get(event.level)
            self.console.print(event.sentence(), style=style, markup=False)

    def _on_hosts(self, event: OnHost | BatchStarted) -> None:
        """The hosts as a table that stays below what is said of them."""
        from rich.live import Live as Display

        if self.board is None:
            self._stop()
            self.board = Board()
            self.display = Display(self.board, console=self.console, refresh_per_second=8)
            self.display.start()
            atexit.register(self._stop)  # or the cursor stays hidden
        if isinstance(event, BatchStarted):
            self.board.start(event)
            self.console.print(event.sentence(), style="dim", markup=False)
            return
        self.board.note(event)
        if isinstance(event.event, PhaseFailed | RolledBack):
            return  # the table shows it, and the host's own failure, which follows, says why
        if event.level != "info" and event.sentence():
            style = {"warning": "yellow", "error": "red"}.get(event.level)
            self.console.print(event.sentence(), style=style, markup=False)

    def _begin(self, text: str) -> None:
        from rich.live import Live as Display

        self._stop()
        self.phase, self.step = text, Step(text)
        self.display = Display(self.step, console=self.console, transient=True, refresh_per_second=8)
        self.display.start()

    def _end(self, mark: str, colour: str, text: str, seconds: float) -> None:
        from rich.text import Text

        self._stop()
        if text:
            self.console.print(Text.assemble((mark, colour), f" {text} ", (f"{seconds:.1f} s", "dim")))

    def _stop(self) -> None:
        if self.display is not None:
            self.display.stop()
        self.display = self.step = None


class Step:
    """One line: a spinner, what runs, for how long, and how far it is."""

    def __init__(self, text: str) -> None:
        from rich.spinner import Spinner

        self.text = text
        self.progress = ""
        self.began = time.monotonic()
        self.spinner = Spinner("dots", style="green")

    def __rich__(self) -> Text:
        from rich.text import Text

        now = time.monotonic()
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        line.append_text(
            cast(Text, self.spinner.render(now))
        )  # a Text where the spinner has no text of its own
        line.append(f" {self.text} ").append(f"{int(now - self.began)} s", style="dim")
        if self.progress:
            line.append(f"  {' '.join(self.progress.split())}", style="dim")
        return line
