"""What a terminal shows of a release on several hosts."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from deployer.events import (
    BatchStarted,
    Event,
    HostFailed,
    HostFinished,
    ImageShipped,
    OnHost,
    PhaseFailed,
    PhaseProgress,
    PhaseStarted,
    RolledBack,
    Warned,
)
from deployer.sinks.board import Board
from deployer.sinks.console import Live
from scripts.terminal import screen

LONG = "the smoke check of /api/version answered 500 " * 4
SPINNERS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def drawn(board: Board, *, width: int = 80, height: int = 25) -> list[str]:
    """Its lines, without colours, a spinner as *."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, height=height, soft_wrap=True)
    console.print(board)
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).splitlines()
    return [re.sub(f"[{SPINNERS}]", "*", line).rstrip() for line in lines]


def told(*events: tuple[str, Event] | BatchStarted) -> Board:
    board = Board()
    for event in events:
        if isinstance(event, BatchStarted):
            board.start(event)
        else:
            board.note(OnHost(*event))
    return board


def test_each_host_has_a_line_in_the_order_of_their_names() -> None:
    board = told(
        ("web10", ImageShipped("shop:2", 1, 5, 10)),
        ("web2", ImageShipped("shop:2", 1, 5, 10)),
        ("web1", ImageShipped("shop:2", 1, 5, 10)),
        BatchStarted(1, 2, ("web1", "web2")),
        ("web1", PhaseStarted("gate", "waiting for\n  the candidate")),
        ("web1", PhaseProgress("gate", "3 of 5 checks")),
        ("web2", HostFinished("r2 serves", 12.3)),
    )
    assert drawn(board) == [
        "web1   *   0 s  3 of 5 checks",
        "web2   ✓  12 s  r2 serves",
        "web10  ·   0 s  has the image",
    ]


def test_one_that_failed_and_one_that_went_back_work_no_more() -> None:
    board = told(
        BatchStarted(1, 1, ("web1", "web2")),
        ("web1", HostFinished("r2 serves", 12.3)),
        ("web2", HostFailed(LONG, 3.0)),
        ("web1", PhaseStarted("switch", "switching to r1")),
        ("web1", RolledBack("r1", "other hosts failed")),
    )
    back, failed = drawn(board)
    assert re.fullmatch(r"web1  ↩  \s*\d+ s  back at r1", back)
    assert re.fullmatch(r"web2  ✗  \s*3 s  the smoke check of .*…", failed)


@pytest.mark.parametrize("width", [30, 60, 200])
def test_a_long_reason_takes_one_line_however_wide_the_terminal_is(width: int) -> None:
    board = told(BatchStarted(1, 1, ("web1",)), ("web1", HostFailed(LONG, 3.0)))
    (line,) = drawn(board, width=width)
    assert len(line) <= width
    assert line.startswith("web1  ✗  3 s  the smoke")


def test_where_the_terminal_is_too_low_those_that_are_done_are_counted() -> None:
    names = tuple(f"web{number}" for number in range(1, 51))
    board = told(
        BatchStarted(1, 1, names),
        *((name, HostFinished("r2 serves", 9.0)) for name in names[:40]),
        ("web44", HostFailed("no space left", 1.0)),
    )
    lines = drawn(board, height=20)
    assert len(lines) == 14
    assert [line.split()[0] for line in lines[3:13]] == [f"web{number}" for number in range(41, 51)]
    assert lines[-1] == "and 37 more: 37 are done"
    # Higher again, all are there.
    assert len(drawn(board, height=80)) == 50


def test_what_is_said_of_hosts_stands_above_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "25")
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    sink = Live(stream)
    sink.emit(OnHost("web1", PhaseStarted("image", "making sure of the image")))
    sink.emit(BatchStarted(1, 1, ("web1", "web2")))
    sink.emit(OnHost("web2", Warned("its clock is 5 s off")))
    sink.emit(OnHost("web1", HostFinished("r2 serves", 2.0)))
    sink.emit(OnHost("web2", PhaseFailed("image", 1.0, "no space left on device")))
    sink.emit(OnHost("web2", HostFailed("no space left on device", 1.0)))
    assert sink.display is not None
    sink.display.stop()
    shown = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in screen(stream.getvalue())]
    assert shown == [
        "batch 1 of 1: web1, web2",
        "web2: warning: its clock is 5 s off",
        "web2: failed: no space left on device",
        "web1  ✓  2 s  r2 serves",
        "web2  ✗  1 s  no space left on device",
    ]
