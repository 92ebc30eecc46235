"""Who sees what of a rollout: a terminal, a log, a program."""

from __future__ import annotations

import io
import json
import re

import pytest

from deployer.cli.context import Context
from deployer.events import (
    BuildProgress,
    Event,
    LogLine,
    PhaseFailed,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    Pruned,
    Switched,
    Warned,
)
from deployer.sinks import lasting
from deployer.sinks.console import Live, Plain, choose
from deployer.sinks.jsonlines import JsonLines
from scripts.terminal import screen

ROLLOUT: list[Event] = [
    PhaseStarted("image", "making sure of the image"),
    BuildProgress("Step 1/2 : FROM scratch"),
    PhaseProgress("image", "sending: 1 of 2 MB"),
    PhaseFinished("image", 12.34, "making sure of the image"),
    PhaseStarted("before:migrate", "running migrate"),
    LogLine("migrate", "at schema [1] already"),
    PhaseFinished("before:migrate", 0.2, "running migrate"),
    PhaseStarted("switch", "switching to r2"),
    Switched("r2", "green"),
    PhaseFinished("switch", 0.1, "switching to r2"),
    PhaseStarted("observe", "watching [r2] for 3 s"),
    Warned("the disk is nearly full"),
    PhaseFailed("observe", 1.5, "the new release died"),
    Pruned(0, 0),
]


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def plain(lines: list[str]) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


def test_a_terminal_keeps_a_tick_and_the_seconds_of_each_step(terminal: Terminal) -> None:
    sink = Live(terminal)
    for event in ROLLOUT:
        sink.emit(event)
    assert plain(screen(terminal.getvalue())) == [
        "✓ making sure of the image 12.3 s",
        "  migrate | at schema [1] already",
        "✓ running migrate 0.2 s",
        "✓ switching to r2 0.1 s",
        "warning: the disk is nearly full",
        "✗ watching [r2] for 3 s 1.5 s",
    ]


def test_a_terminal_shows_the_running_step_and_how_far_it_is_on_one_line(terminal: Terminal) -> None:
    sink = Live(terminal)
    sink.emit(PhaseStarted("image", "making sure of the image"))
    sink.emit(BuildProgress("Step 1/9 : RUN  apt-get" + 80 * "x"))
    assert sink.display is not None
    sink.display.refresh()
    [line] = plain(screen(terminal.getvalue()))
    sink.emit(PhaseFailed("image", 0.1, "interrupted"))
    assert re.fullmatch(r". making sure of the image 0 s  Step 1/9 : RUN apt-getx+…", line)
    assert len(line) == 80


def test_the_cursor_comes_back_when_a_step_fails(terminal: Terminal) -> None:
    sink = Live(terminal)
    sink.emit(PhaseStarted("gate", "waiting"))
    assert terminal.getvalue().startswith("\x1b[?25l")
    sink.emit(PhaseFailed("gate", 0.1, "interrupted"))
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")


def test_a_log_gets_plain_lines_and_how_long_the_long_steps_took() -> None:
    stream = io.StringIO()
    sink = Plain(stream)
    for event in ROLLOUT:
        sink.emit(event)
    assert stream.getvalue().splitlines() == [
        "making sure of the image",
        "  Step 1/2 : FROM scratch",
        "done: making sure of the image (12.3 s)",
        "running migrate",
        "  migrate | at schema [1] already",
        "switching to r2",
        "r2 serves now, from slot green",
        "watching [r2] for 3 s",
        "warning: the disk is nearly full",
        "failed: watching [r2] for 3 s (1.5 s)",
    ]


def test_a_program_gets_each_event_as_a_line_of_json() -> None:
    stream = io.StringIO()
    sink = JsonLines(stream)
    for event in ROLLOUT:
        sink.emit(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [event.kind for event in ROLLOUT]
    assert lines[-2] == {
        "event": "phase_failed",
        "level": "error",
        "name": "observe",
        "seconds": 1.5,
        "reason": "the new release died",
    }


def test_work_goes_on_when_nobody_reads_any_more() -> None:
    attempts = []

    def broken(event: Event) -> None:
        attempts.append(event)
        raise BrokenPipeError

    emit = lasting(broken)
    for event in ROLLOUT:
        emit(event)
    assert attempts == ROLLOUT[:1]


def test_faults_of_a_sink_are_not_hidden() -> None:
    def wrong(event: Event) -> None:
        raise TypeError

    with pytest.raises(TypeError):
        lasting(wrong)(ROLLOUT[0])


@pytest.mark.parametrize(
    ("stream", "environ", "live"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm", "JENKINS_URL": "http://jenkins.example/"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
    ids=["terminal", "dumb", "jenkins", "log"],
)
def test_only_a_persons_terminal_is_live(stream: io.StringIO, environ: dict[str, str], live: bool) -> None:
    context = Context(stderr=stream, environ=environ)
    assert context.is_tty == live
    assert getattr(choose(stream, live=context.is_tty), "__self__", None).__class__ is (
        Live if live else Plain
    )
