"""A file of JSON lines on this machine, which several deployers append to."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import NotDelivered
from deployer.sinks.end import Happening, Run, Sending
from deployer.sinks.jsonlines import line, moment
from deployer.sinks.wanted import Wanted


class Journal:
    """
    :param max_size: bytes at which it becomes `.1`, that `.2`, and so on; 0 for never.
    :param keep: how many of those there are.
    """

    def __init__(self, wanted: Wanted, run: Run, path: Path, max_size: int, keep: int) -> None:
        self.wanted = wanted
        self._run = run
        self._path = path
        self._max_size = max_size
        self._keep = keep

    def prepare(self, batch: Sequence[Happening]) -> Sequence[Sending]:
        chosen = [happening for happening in batch if self.wanted.has(happening.event)]
        run = self.wanted.mask.all(self._run.as_dict())
        lines = [
            line({"time": moment(each.at), "run": run, **self.wanted.record(each.event)}) for each in chosen
        ]
        return (
            (Sending(len(chosen), lambda: self._append("".join(lines).encode("utf-8", "replace"))),)
            if chosen
            else ()
        )

    def _append(self, data: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._opened()
            try:
                if self._max_size and 0 < os.fstat(file).st_size > self._max_size - len(data):
                    self._rotate()
                    os.close(file)
                    file = self._opened()
                while data:
                    data = data[os.write(file, data) :]
            finally:
                os.close(file)
        except OSError as error:
            raise NotDelivered(f"{self._path} cannot be written ({error.strerror})") from error

    def _opened(self) -> int:
        """The file, ours alone, and still the one of that name: another may have renamed it just now."""
        while True:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._path.stat().st_ino == os.fstat(file).st_ino:
                    return file
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
            if newer.exists():
                newer.replace(older)
