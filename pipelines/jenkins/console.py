"""A build's console as lines, while it grows, in memory that does not grow with it."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Iterator

from deployer.errors import JenkinsUnreachable
from pipelines.jenkins.client import PAUSE, Client

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
    position, more = 0, True
    decoder, text = codecs.getincrementaldecoder("utf-8")("replace"), ""
    while more:
        before, pieces = position, client.console(job, number, position)
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                more = bool(end.value)
                break
            except JenkinsUnreachable:
                # What came before the cut is kept; the next question is repeated for as long as is allowed.
                time.sleep(PAUSE)
                break
            position += len(piece)
            text += decoder.decode(piece)
            *lines, text = text.split("\n")
            yield from (line.removesuffix("\r") for line in lines)
            while len(text) > LONGEST:
                yield text[:LONGEST]
                text = text[LONGEST:]
        if more and position == before:
            time.sleep(INTERVAL)
    if text:
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
