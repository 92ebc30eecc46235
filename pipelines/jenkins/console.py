"""A build's console as lines, while it grows, in memory that does not grow with it."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Iterator

from pipelines.jenkins.client import Client

LONGEST = 64 * 1024
"""Characters after which a line is broken: a build may print a file without a newline."""
INTERVAL = 1.0
"""Seconds between two looks at a console that has nothing new."""

_STAMP = re.compile(r"^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] ")
_OPEN = re.compile(r"^\[Pipeline\] \{(?: \((?P<name>.*)\))?$")


def follow(client: Client, job: str, number: int) -> Iterator[str]:
    """The lines of a build's console until it ends, from its beginning.

    A connection that is cut, and a controller that restarts, are gone on from where they were.

    :raises JenkinsError: the controller stays away for longer than the client's patience.
    """
    position: int | None = 0
    decoder, text = codecs.getincrementaldecoder("utf-8")("replace"), ""
    while position is not None:
        before, pieces = position, client.console(job, number, position)
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                position = end.value
                break
            text += decoder.decode(piece)
            *lines, text = text.split("\n")
            # More than one where a step printed CR and, in time for the next answer only, LF.
            yield from (line.rstrip("\r") for line in lines)
            while len(text) > LONGEST:
                yield text[:LONGEST]
                text = text[LONGEST:]
        if position == before:
            time.sleep(INTERVAL)
    if text := text.rstrip("\r"):
        yield text


class Stages:
    """Which stage the console is in, from the lines that the pipeline engine writes between the others.

    They need no plugin on the controller, and no further question to it.
    """

    def __init__(self) -> None:
        self._blocks: list[str] = []

    @property
    def current(self) -> str | None:
        """The innermost stage; None outside of all."""
        return next((name for name in reversed(self._blocks) if name), None)

    def feed(self, line: str) -> bool:
        """Take note of a line; whether it is the engine's own, and nothing that a step printed."""
        line = _STAMP.sub("", line)
        opened = _OPEN.match(line)
        if opened:
            self._blocks.append(opened["name"] or "")
        elif line == "[Pipeline] }" and self._blocks:
            self._blocks.pop()
        return line.startswith("[Pipeline] ")
