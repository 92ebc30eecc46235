"""Reading a file in a process of its own, limited in memory and time, and killed with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.plain import clean
from app.resumes import Limits, Resume, ResumeError, formats
from app.resumes.child import NOT_STARTED

CHILD = Path(__file__).with_name("child.py")
_STOPPED = frozenset({-signal.SIGXCPU, -signal.SIGKILL})  # by a limit, the clock, or a host without memory


def read_file(data: bytes, limits: Limits) -> Resume:
    """See `app.resumes.read`."""
    if len(data) > limits.size:
        raise ResumeError("resume-too-large", megabytes=f"{limits.size / 2**20:g}")
    container = formats.container(data)
    if container == "text":
        return Resume(_cleaned(formats.plain_text(data, limits), limits), "text")
    if container == "pdf":
        data = formats.pdf(data)
    with _seats.taken(limits):
        answer = _ask_child(data, container, limits)
    if answer["scan"]:
        return Resume("", "pdf", data)
    return Resume(_cleaned(answer["text"], limits), answer["format"])


def _cleaned(raw: str, limits: Limits) -> str:
    if len(raw) > limits.raw:
        raise ResumeError("resume-too-much-text", limit=limits.text)
    # Every kind of line end, before `clean` takes away form feeds and lone carriage returns without a trace.
    lines = "\n".join(line.rstrip() for line in raw.splitlines())
    text = re.sub(r"\n{3,}", "\n\n", clean(lines))
    if not text:
        raise ResumeError("resume-empty")
    if len(text) > limits.text:
        raise ResumeError("resume-too-much-text", limit=limits.text)
    return text


class _Seats:
    """How many children there are, so that many uploads at once take turns rather than the host's memory."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._taken = 0

    @contextlib.contextmanager
    def taken(self, limits: Limits) -> Iterator[None]:
        with self._free:
            if not self._free.wait_for(lambda: self._taken < limits.children, limits.wait):
                raise ResumeError("resume-busy")
            self._taken += 1
        try:
            yield
        finally:
            with self._free:
                self._taken -= 1
                self._free.notify()


_seats = _Seats()


def _ask_child(data: bytes, container: str, limits: Limits) -> dict[str, Any]:
    """`{format, text, scan}` of a file.

    :raises ResumeError: what the child says, or what its end says.
    :raises RuntimeError: it could not even start, which is no file's fault.
    """
    order = json.dumps({"container": container, "size": len(data), "limits": asdict(limits)})
    try:
        process = (
            subprocess.Popen(  # -I: nothing from the environment or the current folder; -B: nothing written
                [sys.executable, "-I", "-B", str(CHILD), order],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},  # it holds the service's secrets
                start_new_session=True,
            )
        )
    except OSError:  # no memory or no process to be had now
        raise ResumeError("resume-busy") from None
    assert process.stdin is not None  # noqa: S101  # both are pipes
    assert process.stdout is not None  # noqa: S101

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(limits.seconds, kill)
    timer.start()
    try:
        with contextlib.suppress(BrokenPipeError):  # it has ended already; how, is told below
            process.stdin.write(data)
            process.stdin.close()
        said = process.stdout.read(_longest(limits) + 1)
    finally:
        timer.cancel()
        timer.join()  # from here on nobody kills by a number that may be another process's
        kill()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        status = process.wait()
    if status == NOT_STARTED:
        raise RuntimeError(f"{CHILD} cannot start: are the packages of app/requirements.txt installed?")
    return _answer(said, status, limits)


def _longest(limits: Limits) -> int:
    """Bytes of the longest answer: ASCII JSON has at most 12 for a character."""
    return 12 * limits.raw + 1000


def _answer(said: bytes, status: int, limits: Limits) -> dict[str, Any]:
    if len(said) <= _longest(limits) and said.endswith(b"\n"):
        answer: dict[str, Any] = json.loads(said)
        if "code" in answer:
            raise ResumeError(answer["code"], **answer["values"])
        return answer
    raise ResumeError("resume-too-costly" if status in _STOPPED else "resume-broken")
