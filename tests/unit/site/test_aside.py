"""A computation in a child process: what it gives, and what is done where it cannot give anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deployer.errors import PreflightError
from deployer.site.aside import Aside
from tests.support.waiting import until


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the deployer is; a test's own runner may have threads, which none of these calls needs."""
    monkeypatch.setattr("threading.active_count", lambda: 1)


def no_child_is_left() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@pytest.mark.usefixtures("alone")
def test_it_is_computed_by_another_process() -> None:
    rows = [("한글.js", b"\0" * 100_000, 2**40), ("b", "\udcff", 0)]
    with Aside(lambda: (os.getpid(), rows)) as aside:
        process, found = aside.result()
    assert process != os.getpid()
    assert found == rows
    assert no_child_is_left()


@pytest.mark.usefixtures("alone")
def test_what_it_raises_is_raised_here() -> None:
    def refuse() -> None:
        raise PreflightError("there is no folder", remedy="build it")

    with Aside(refuse) as aside, pytest.raises(PreflightError) as caught:
        aside.result()
    assert caught.value.remedy == "build it"
    assert no_child_is_left()


@pytest.mark.usefixtures("alone")
def test_a_killed_child_is_stood_in_for() -> None:
    here = os.getpid()

    def compute() -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    with Aside(compute) as aside:
        assert aside.result() == here
    assert no_child_is_left()


@pytest.mark.usefixtures("alone")
def test_a_child_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    def compute() -> None:
        time.sleep(60)
        (tmp_path / "late").touch()

    with pytest.raises(KeyError), Aside(compute):
        raise KeyError
    assert no_child_is_left()
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("alone")
def test_where_the_kernel_reaps_children_it_is_computed_here() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as some who start us leave it
    try:
        with Aside(lambda: 7) as aside:
            assert aside.result() == 7
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_killed_process_leaves_no_child() -> None:
    program = """
import os, time
from deployer.site.aside import Aside
from tests.support.waiting import until

def compute():
    print(os.getpid(), flush=True)
    time.sleep(300)

with Aside(compute) as aside:
    aside.result()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = Path(f"/proc/{int(parent.stdout.readline())}")
        assert child.exists()
        parent.kill()
        parent.wait()
        until(lambda: not child.exists() or "Z" in (child / "stat").read_text().split()[2], "gone")


def test_beside_other_threads_there_is_no_child() -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        with Aside(os.getpid) as aside:
            assert aside.result() == os.getpid()
    finally:
        done.set()
        other.join()
