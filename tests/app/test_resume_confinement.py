"""A file is read in a process that may do nothing else: what it takes is bounded, and it always ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.resumes import Limits, read
from tests.app.conftest import ROOT
from tests.support import resumes
from tests.support.processes import children, runs
from tests.support.resumes import KOREAN
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("no_child_is_left")

MB = 2**20


@pytest.fixture
def held() -> Iterator[Callable[..., tuple[threading.Thread, int, list[str]]]]:
    """held() -> a thread that reads a file, its child, which stands still, and what came of it."""
    running = []

    def hold(limits: Limits | None = None) -> tuple[threading.Thread, int, list[str]]:
        before = children()
        outcome: list[str] = []
        bomb = resumes.operator_bomb()
        thread = threading.Thread(target=lambda: outcome.append(resumes.refusal(bomb, limits)))
        thread.start()
        child = until(lambda: next(iter(children() - before), 0), "the child has begun")
        # Stopped any earlier, it would hold up the one who starts it.
        until(lambda: b"child.py" in Path(f"/proc/{child}/cmdline").read_bytes(), "it is Python of its own")
        os.kill(child, signal.SIGSTOP)
        running.append((thread, child))
        return thread, child, outcome

    yield hold
    for thread, child in running:
        if thread.is_alive():
            os.killpg(child, signal.SIGKILL)
        thread.join()


def test_a_child_that_stands_still_is_killed(
    held: Callable[..., tuple[threading.Thread, int, list[str]]],
) -> None:
    thread, _, outcome = held(Limits(seconds=3))
    thread.join()
    assert outcome == ["resume-too-costly"]


def test_while_a_file_takes_long_others_are_read_and_above_the_limit_they_wait_their_time(
    held: Callable[..., tuple[threading.Thread, int, list[str]]],
) -> None:
    thread, child, outcome = held(Limits(seconds=200))
    for _ in range(3):
        assert read(resumes.hwpx_file()).text == KOREAN
    assert thread.is_alive()
    assert resumes.refusal(resumes.hwpx_file(), Limits(children=1, wait=0.1)) == "resume-busy"
    assert read(KOREAN.encode()).text == KOREAN  # takes no process
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(read, resumes.hwpx_file(), limits=Limits(children=1, wait=100))
        os.killpg(child, signal.SIGKILL)  # as a host without memory does
        assert waiting.result().text == KOREAN
    thread.join()
    assert outcome == ["resume-too-costly"]


def test_many_at_once_take_turns() -> None:
    most = 0
    before = children()  # a database's server, if another test of this process has started one
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.02):
            most = max(most, len(children() - before))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(lambda _: read(resumes.hwpx_file(), limits=Limits(wait=100)).text, range(6)))
    done.set()
    watcher.join()
    assert texts == [KOREAN] * 6
    assert 1 <= most <= 2


MEASURE = """
import json, resource, sys
from pathlib import Path
from app.resumes import ResumeError, read

def peak():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM"))

def outcome(data):
    try:
        return read(data).format
    except ResumeError as error:
        return error.code

files = [Path(name).read_bytes() for name in sys.argv[1:]]
outcome(files[0])
before = peak()
codes = [outcome(data) for data in files]
print(json.dumps([codes, peak() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def test_neither_the_app_nor_the_child_takes_the_memory_that_a_bomb_asks_for(tmp_path: Path) -> None:
    bombs = (
        resumes.zip_bomb(100 * MB),
        resumes.flate_bomb(512 * MB),
        resumes.nested_flate_bomb(512 * MB),
        resumes.operator_bomb(),
    )
    files = [tmp_path / str(number) for number in range(len(bombs))]
    for file, bomb in zip(files, bombs, strict=True):
        file.write_bytes(bomb)
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, *files], cwd=ROOT, capture_output=True, text=True, check=True
    )
    codes, grown, child = json.loads(run.stdout)
    assert set(codes) == {"resume-too-costly"}
    assert grown < 8 * 1024  # KiB: bounded by what is handed over, not by what it unpacks to
    assert child < Limits().memory // 1024


def test_the_child_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(resumes.operator_bomb())
    parent = subprocess.Popen(
        [sys.executable, "-c", MEASURE, str(tmp_path / "bomb")], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    listing = Path(f"/proc/{parent.pid}/task")
    try:

        def begun() -> list[str]:
            return [pid for thread in listing.iterdir() for pid in (thread / "children").read_text().split()]

        (child,) = until(begun, "the child has begun")
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not runs(child), "the child has ended")


def test_the_child_has_no_secrets_and_no_packages_but_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is started with; what it may do then, the bombs above show."""
    begun: list[tuple[list[str], Any]] = []
    real: Callable[..., Any] = subprocess.Popen

    def remember(command: list[str], **options: Any) -> Any:
        begun.append((command, options["env"]))
        return real(command, **options)

    monkeypatch.setattr(subprocess, "Popen", remember)
    assert read(resumes.hwpx_file()).text == KOREAN
    command, environ = begun[0]
    assert environ == {}
    assert "-I" in command
