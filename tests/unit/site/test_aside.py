"""A computation in a child process: what it gives, and what is done where it cannot give anything."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deployer.errors import PreflightError
from deployer.site.aside import Aside
from tests.support.processes import runs
from tests.support.waiting import until


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The forks that are made from here on, in a process that is alone, as the deployer is.

    A test's own runner may have threads, which none of these calls needs, and children, which are its own.
    """
    made: list[int] = []
    fork = os.fork

    def noted() -> int:
        made.append(fork())
        return made[-1]

    monkeypatch.setattr("os.fork", noted)
    monkeypatch.setattr("threading.active_count", lambda: 1)
    return made


def gone(children: list[int]) -> bool:
    """Whether there was one child, which has ended and is waited for."""
    (child,) = children
    try:
        os.waitpid(child, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def descriptors() -> list[str]:
    """What this process has open."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_it_is_computed_by_another_process(children: list[int]) -> None:
    rows = [("한글.js", b"\0" * 100_000, 2**40), ("b", "\udcff", 0)]
    with Aside(lambda: (os.getpid(), rows)) as aside:
        process, found = aside.result()
    assert process != os.getpid()
    assert found == rows
    assert gone(children)


def test_what_it_raises_is_raised_here(children: list[int]) -> None:
    def refuse() -> None:
        raise PreflightError("there is no folder", remedy="build it")

    with Aside(refuse) as aside, pytest.raises(PreflightError) as caught:
        aside.result()
    assert caught.value.remedy == "build it"
    assert gone(children)


def test_a_killed_child_is_stood_in_for(children: list[int]) -> None:
    here = os.getpid()

    def compute() -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    with Aside(compute) as aside:
        assert aside.result() == here
    assert gone(children)


def test_a_child_that_nobody_waits_for_is_ended(children: list[int], tmp_path: Path) -> None:
    def compute() -> None:
        signal.pause()
        (tmp_path / "late").touch()

    with pytest.raises(KeyError), Aside(compute):
        raise KeyError
    assert gone(children)
    assert not list(tmp_path.iterdir())


def test_where_the_kernel_reaps_children_it_is_computed_here(children: list[int]) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as some who start us leave it
    try:
        with Aside(lambda: 7) as aside:
            assert aside.result() == 7
        assert gone(children)
    finally:
        signal.signal(signal.SIGCHLD, before)


def is_computed_here(children: list[int]) -> None:
    before = descriptors()
    with Aside(os.getpid) as aside:
        assert aside.result() == os.getpid()
    assert descriptors() == before
    assert not children


def test_where_no_process_can_be_made_it_is_computed_here(
    children: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("os.fork", refuse)
    is_computed_here(children)


def test_where_no_pipe_can_be_made_it_is_computed_here(
    children: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = os.pipe
    made: list[tuple[int, int]] = []

    def one() -> tuple[int, int]:
        if made:
            raise OSError(errno.EMFILE, "Too many open files")
        made.append(pipe())
        return made[0]

    monkeypatch.setattr("os.pipe", one)
    is_computed_here(children)


def test_a_killed_process_leaves_no_child() -> None:
    program = """
import os, signal
from deployer.site.aside import Aside
from tests.support.waiting import until

def compute():
    print(os.getpid(), flush=True)
    signal.pause()

with Aside(compute) as aside:
    aside.result()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert runs(child)
        parent.kill()
        parent.wait()
        until(lambda: not runs(child), "gone")


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
