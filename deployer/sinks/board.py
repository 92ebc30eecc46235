"""The live table of hosts: a line for each, and one for all that are alike where the terminal is too low."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, cast

from deployer.events import (
    BatchStarted,
    BuildProgress,
    HostFailed,
    HostFinished,
    ImageShipped,
    Note,
    OnHost,
    PhaseProgress,
    PhaseStarted,
    RolledBack,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions
    from rich.table import Table
    from rich.text import Text

WORKS, WAITS, FAILED, BACK, DONE = range(5)
"""What a host is at; where there is no room for all of them, the first stay."""

_ENDS = {FAILED: ("✗", "red"), BACK: ("↩", "yellow"), DONE: ("✓", "green")}
_NAMES = {WORKS: "work", WAITS: "wait", FAILED: "failed", BACK: "are back", DONE: "are done"}
_MARGIN = 6
"""Lines of the terminal that are left to what is said above the table."""


class Board:
    """What each host does, for how long, or how it ended."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def start(self, batch: BatchStarted) -> None:
        """It is these hosts' turn."""
        for host in batch.hosts:
            self.rows.setdefault(host, Row()).begin("begins")

    def note(self, event: OnHost) -> None:
        """Something happened on a host."""
        row = self.rows.setdefault(event.host, Row())
        match event.event:
            case PhaseStarted(text=text) | Note(text=text):
                row.begin(text)
            case PhaseProgress(text=text) | BuildProgress(text=text):
                row.tell(text)
            case ImageShipped():
                row.wait("has the image")
            case HostFinished(outcome=outcome, seconds=seconds):
                row.end(DONE, outcome, seconds)
            case HostFailed(reason=reason, seconds=seconds):
                row.end(FAILED, reason, seconds)
            case RolledBack(release=release):
                row.end(BACK, f"back at {release}", row.elapsed())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        from rich.table import Table
        from rich.text import Text

        # The text last, and no wider than it is: nothing moves with its length, and a terminal that becomes
        # narrower wraps nothing that is short.
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, width=1)
        table.add_column(no_wrap=True, justify="right", style="dim")
        table.add_column()
        shown, hidden = self._fitting(max(console.height - _MARGIN, 3))
        for name, row in shown:
            # A reason is as long as it likes: it stands above in full, here it is cut.
            text = Text(
                row.text, style="dim" if row.state == WAITS else "", no_wrap=True, overflow="ellipsis"
            )
            table.add_row(name, row.mark(), f"{row.elapsed():.0f} s", text)
        yield table
        if hidden:
            counts = ", ".join(
                f"{number} {_NAMES[state]}"
                for state in _NAMES
                if (number := sum(row.state == state for _, row in hidden))
            )
            yield Text(f"and {len(hidden)} more: {counts}", style="dim", no_wrap=True, overflow="ellipsis")

    def _fitting(self, room: int) -> tuple[list[tuple[str, Row]], list[tuple[str, Row]]]:
        """The rows that are shown, in the order of their names, and the others."""
        rows = sorted(self.rows.items(), key=lambda pair: _natural(pair[0]))
        if len(rows) <= room:
            return rows, []
        chosen = {name for name, _ in sorted(rows, key=lambda pair: pair[1].state)[: room - 1]}
        return (
            [pair for pair in rows if pair[0] in chosen],
            [pair for pair in rows if pair[0] not in chosen],
        )


class Row:
    """One host on the board."""

    def __init__(self) -> None:
        self.text = ""
        self.state = WAITS
        self.began = time.monotonic()
        self.seconds: float | None = None

    def begin(self, text: str) -> None:
        """It does this now; the seconds count from when it began to do anything."""
        if self.state != WORKS:
            self.began, self.seconds = time.monotonic(), None
        self.tell(text)

    def tell(self, text: str) -> None:
        """How far it is."""
        if self.state not in _ENDS:
            self.state = WORKS
        self.text = _line(text)

    def wait(self, text: str) -> None:
        """It is not its turn yet."""
        self.text, self.state, self.seconds = _line(text), WAITS, self.elapsed()

    def end(self, state: int, text: str, seconds: float) -> None:
        """How it ended, after so long."""
        self.text, self.state, self.seconds = _line(text), state, seconds

    def elapsed(self) -> float:
        """Seconds that it has worked, or did."""
        return time.monotonic() - self.began if self.seconds is None else self.seconds

    def mark(self) -> Text:
        """A spinner, or what tells its end from afar."""
        from rich.spinner import Spinner
        from rich.text import Text

        if self.state == WORKS:
            return cast(Text, Spinner("dots", style="green").render(time.monotonic()))
        return Text(*_ENDS.get(self.state, ("·", "dim")))


def _line(text: str) -> str:
    return " ".join(text.split())


def _natural(name: str) -> list[tuple[int, str]]:
    """web2 before web10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]
