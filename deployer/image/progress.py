"""The engine's messages while it builds or pulls, as events; what is kept of them for an error."""

from __future__ import annotations

import re
from collections import deque

from deployer.command import TAIL
from deployer.events import BuildProgress, Emit, PhaseProgress
from deployer.host.engine import Inspect

PHASE = "image"
_STEP = re.compile(r"Step \d+/\d+ : ")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""The engine paints a step's standard error red, line ends and what follows included."""
_QUIET = re.compile(r" --->|Removing intermediate container |Successfully (built|tagged) ")
_CHATTY = 20
"""A transfer is reported in so many parts at most, and no part is smaller than `_PART` bytes."""
_PART = 1024**2


class Transfer:
    """How far something got, told to the live display now and then rather than for every piece."""

    def __init__(self, emit: Emit, what: str, total: int = 0) -> None:
        self._emit, self._what, self._total = emit, what, total
        self._next = _PART

    def at(self, done: int, total: int | None = None) -> None:
        """`done` of `total` bytes are through."""
        self._total = self._total if total is None else total
        if done >= self._next:
            self._next = done + max(self._total // _CHATTY, _PART)
            self._emit(PhaseProgress(PHASE, f"{self._what}: {done / 1e6:.0f} of {self._total / 1e6:.0f} MB"))


class Transcript:
    """What the engine says, one message after the other.

    `step` is the last "Step 2/7 : RUN make"; `tail` the last lines of its output; `error` what the engine
    gave up with, None while all is well.
    """

    def __init__(self, emit: Emit, what: str) -> None:
        self.step = ""
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.error: str | None = None
        self._emit = emit
        self._open = ""
        self._pulled: dict[str, tuple[int, int]] = {}
        self._transfer = Transfer(emit, f"pulling for {what}")

    def add(self, message: Inspect) -> None:
        """Take one message of the engine's JSON stream."""
        if "error" in message:
            self._end_line()
            self.error = str((message.get("errorDetail") or {}).get("message") or message["error"]).strip()
        elif "stream" in message:
            *lines, self._open = (self._open + str(message["stream"])).split("\n")
            for line in lines:
                self._line(line)
        elif (message.get("progressDetail") or {}).get("total"):
            self._pulling(str(message.get("id")), message["progressDetail"])
        elif "progressDetail" not in message and message.get("status"):
            self._line(str(message["status"]))

    def _pulling(self, layer: str, detail: Inspect) -> None:
        self._pulled[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        done, totals = zip(*self._pulled.values(), strict=True)
        self._transfer.at(sum(done), sum(totals))

    def _end_line(self) -> None:
        if self._open:
            self._line(self._open)
            self._open = ""

    def _line(self, line: str) -> None:
        # A progress bar redraws its line; only its last state is of interest.
        line = _ESCAPE.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip()
        if _STEP.match(line):
            self.step = line
            self.tail.clear()
        elif not line.strip() or _QUIET.match(line):
            return
        else:
            self.tail.append(line)
        self._emit(BuildProgress(line))
