"""Commands run on a terminal of their own, and what its screen shows at the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def run(
    command: Sequence[str], *, columns: int, cwd: Path, environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command on a terminal `columns` wide; its exit code, and all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environ = {**(environ or os.environ), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    written = bytearray()
    # The terminal of a process that has ended answers with an input/output error.
    with contextlib.suppress(OSError):
        while chunk := os.read(ours, 65536):
            written += chunk
    os.close(ours)
    return process.wait(), written.decode("utf-8", "replace")


def screen(written: str) -> list[str]:
    """The lines that stay on the screen, with their colours; trailing empty ones are left out.

    Knows what a live display needs, which erases a line before it writes it anew: going up, erasing a line.
    """
    lines, row = [""], 0
    for parameters, letter, control, text in _TOKEN.findall(written):
        if control == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif letter == "A":
            row = max(0, row - int(parameters or 1))
        elif letter == "K" and parameters == "2":
            lines[row] = ""
        elif letter == "m":
            lines[row] += f"\x1b[{parameters}m"
        else:
            lines[row] += text
    while lines and not re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]).strip():
        lines.pop()
    return lines
