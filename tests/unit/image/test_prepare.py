"""Commands that run before the context is read."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from deployer.command import TAIL
from deployer.errors import BuildFailed, Interrupted
from deployer.events import Event, ignore
from deployer.image.prepare import prepare
from deployer.interrupts import raising
from tests.support.processes import runs


def test_commands_run_in_the_folder_in_order_and_are_heard(tmp_path: Path) -> None:
    events: list[Event] = []
    prepare([["touch", "made"], ["sh", "-c", "ls; echo oops >&2"]], tmp_path, events.append)
    assert [event.sentence().strip() for event in events] == [
        "running touch made",
        "running sh -c 'ls; echo oops >&2'",
        "made",
        "oops",
    ]


def test_a_failure_names_the_command_and_shows_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(
        BuildFailed, match=r"service\.build\.prepare: sh -c .* failed \(exit code 3\)"
    ) as raised:
        prepare([["sh", "-c", "seq 100; exit 3"], ["touch", "never"]], tmp_path, ignore)
    assert raised.value.details == tuple(str(number) for number in range(101 - TAIL, 101))
    assert not (tmp_path / "never").exists()


def test_a_death_by_signal_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"failed \(signal 9\)"):
        prepare([["sh", "-c", "kill -9 $$"]], tmp_path, ignore)


def test_a_program_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"no-such-program cannot be run .*No such file") as raised:
        prepare([["no-such-program"]], tmp_path, ignore)
    assert raised.value.remedy is not None


def test_an_interruption_ends_the_command_and_what_it_started(tmp_path: Path) -> None:
    children: list[int] = []

    def listen(event: Event) -> None:
        if event.sentence().strip().isdecimal():
            children.append(int(event.sentence()))
            threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()

    stubborn = "trap '' TERM; echo $$; sleep 600; sleep 600"
    script = f"import subprocess; subprocess.run(['sh', '-c', {stubborn!r}])"
    with pytest.raises(Interrupted), raising():
        prepare([[sys.executable, "-c", script]], tmp_path, listen)
    # It was killed; the kernel takes a moment, and the test's timeout is the limit.
    while runs(children[0]):
        time.sleep(0.01)
