"""The process in which a file is parsed: it may do nothing but compute, and answer once.

    python -I -B child.py '{"container": "pdf", "size": 123, "limits": {...}}' < file

It answers one line of JSON: `{format, text, scan}`, or `{code, values}` of a ResumeError. Without a line, it
was stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

NOT_STARTED = 70  # EX_SOFTWARE: it ended before it had read a byte of the file

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(order: dict[str, Any]) -> None:
    """Do one order, and end."""
    try:
        # Not in the app's image. Where they are installed, pypdf would use them: more memory, other results.
        sys.modules.update(dict.fromkeys(("fontTools", "PIL", "brotli"), None))  # type: ignore[arg-type]  # bans
        from app.resumes import Limits

        limits = Limits(**order["limits"])
        _confine(limits)
        if order["container"] == "pdf":
            from app.resumes.pdf import read
        else:
            from app.resumes.office import read
    except BaseException:  # noqa: BLE001  # whatever it is, no file is to blame
        os._exit(NOT_STARTED)
    data = sys.stdin.buffer.read(order["size"] + 1)
    if len(data) == order["size"]:  # else whoever sent it was killed
        _say(_answer(read, data, limits))
    os._exit(0)  # without tidying up what a hostile file has piled up


def _answer(read: Any, data: bytes, limits: Any) -> bytes:
    from app.resumes import ResumeError

    too_costly = _line({"code": "resume-too-costly", "values": {}})  # made while there is memory
    try:
        return _line(read(data, limits))
    except ResumeError as error:
        return _line({"code": error.code, "values": error.values})
    except MemoryError:
        return too_costly
    except Exception:  # noqa: BLE001  # parsers of broken files raise whatever they like
        return _line({"code": "resume-broken", "values": {}})


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _say(line: bytes) -> None:
    with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as out:
        while line:
            line = line[out.write(line) :]


def _confine(limits: Any) -> None:
    """Limits that it cannot lift again."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))
    os.nice(5)  # requests go first
    _end_with_parent()
    with contextlib.suppress(OSError):  # a host without memory ends this one, not the app
        Path("/proc/self/oom_score_adj").write_text("1000")


def _end_with_parent() -> None:
    """Where the kernel can: the thread that waits for this process does so until its end."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(json.loads(sys.argv[1]))
