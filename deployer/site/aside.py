"""A computation on the other processor, while this one waits for the network and reads what comes."""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self


class Aside:
    """A call in a child process, from `with` on; where there can be none, the call is made when asked for.

    The child is a fork: it has everything at hand and costs a few milliseconds, where a new interpreter would
    spend as long on its imports as the call takes. A fork is safe in a process with one thread only.

    :param call: what to compute; it changes nothing, and gives what `marshal` takes: texts, bytes, numbers,
        and lists and tuples of them.
    """

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._child = 0
        self._result = -1
        self._life = -1

    def __enter__(self) -> Self:
        if hasattr(os, "fork") and threading.active_count() == 1:
            # No room for a process, or for its pipes, is no reason to fail.
            with contextlib.suppress(OSError):
                self._begin()
        return self

    def _begin(self) -> None:
        with contextlib.ExitStack() as theirs:
            self._result, writing = os.pipe()
            theirs.callback(os.close, writing)
            living, self._life = os.pipe()
            theirs.callback(os.close, living)
            self._child = os.fork()
            if not self._child:
                os.close(self._life)
                self._compute(living, writing)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            self._reap()
        for descriptor in (self._result, self._life):
            if descriptor >= 0:
                os.close(descriptor)

    def result(self) -> Any:
        """What the call gives. :raises: what it raises."""
        if self._child:
            with open(self._result, "rb", closefd=False) as pipe:
                said = pipe.read()
            if self._reap() == 0:
                return marshal.loads(said)  # noqa: S302  (from our own child)
        # The child raised, or was killed: what is wrong is found out, or put right, by doing it here.
        return self._call()

    def _reap(self) -> int:
        child, self._child = self._child, 0
        try:
            return os.waitpid(child, 0)[1]
        except ChildProcessError:
            return 1  # whoever started us has children reaped by the kernel, and how it ended is unknown

    def _compute(self, living: int, writing: int) -> NoReturn:
        status = 1
        try:
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            threading.Thread(target=_end_with, args=(living,), daemon=True).start()
            said = marshal.dumps(self._call())
            with open(writing, "wb") as pipe:
                pipe.write(said)
            status = 0
        finally:
            # Whatever happened: what this process shares with its parent is the parent's to flush and close.
            os._exit(status)


def _end_with(living: int) -> None:
    """End this process when nobody holds the other end any more: the parent was killed."""
    os.read(living, 1)
    os._exit(1)
