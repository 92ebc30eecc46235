"""`.dockerignore`, with the meaning Docker gives it.

    rules = Ignore.parse((root / ".dockerignore").read_text())
    for path in rules.walk(root): ...

A pattern is matched against paths relative to the context. `*` and `?` stay within one name, `**` is any
number of folders, `[a-z]` and `[^a-z]` are one character, a backslash takes the next one as it is. A `!`
brings back what an earlier line left out; the last line that matches wins. What is below an ignored
folder is ignored, and such a folder is entered only where a `!` line begins with its path: that is why
`!**/*.py` brings nothing back from an ignored folder, here as in `docker build`.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from deployer.errors import ConfigError


class Pattern(Struct, frozen=True):
    """One line: `text` without its `!`, cleaned; `brings_back` where it had one."""

    text: str
    brings_back: bool
    regex: re.Pattern[str]

    @classmethod
    def parse(cls, line: str) -> Pattern:
        """A line that is neither empty nor a comment.

        :raises ValueError: the pattern is malformed; the message says how.
        """
        line = line.strip()
        brings_back = line.startswith("!")
        text = line[1:].strip() if brings_back else line
        if not text:
            raise ValueError("'!' is followed by nothing")
        # Two leading slashes survive normpath, one is Docker's "root of the context".
        text = posixpath.normpath(re.sub("/+", "/", text))
        if len(text) > 1:
            text = text.removeprefix("/")
        return cls(text, brings_back, re.compile(translate(text), re.DOTALL))

    def matches(self, path: str) -> bool:
        """Whether the path itself matches; what lies below a match is the walk's business."""
        return self.regex.fullmatch(path) is not None


def translate(pattern: str) -> str:
    """The regular expression of a pattern.

    :raises ValueError: a `[` without its `]`, an empty or open range, a backslash at the end.
    """
    regex = ""
    at = 0
    while at < len(pattern):
        if pattern.startswith("**", at):
            at += 3 if pattern.startswith("**/", at) else 2
            regex += "(.*/)?" if at < len(pattern) else ".*"
            continue
        if pattern[at] == "[":
            piece, at = _character_class(pattern, at)
            regex += piece
            continue
        if pattern[at] == "*":
            regex += "[^/]*"
        elif pattern[at] == "?":
            regex += "[^/]"
        else:
            if pattern[at] == "\\":
                at += 1
            regex += re.escape(_character(pattern, at))
        at += 1
    return regex


def _character_class(pattern: str, start: int) -> tuple[str, int]:
    """The regular expression of the `[...]` that begins at `start`, and where the pattern goes on."""
    at = start + 1
    negated = pattern.startswith("^", at)
    at += negated
    ranges = ""
    while not (pattern.startswith("]", at) and ranges):
        low, at = _bound(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _bound(pattern, at + 1)
        if low > high:
            raise ValueError(f"the range {low}-{high} runs backwards")
        ranges += f"{re.escape(low)}-{re.escape(high)}"
    return f"[{'^' if negated else ''}{ranges}]", at + 1


def _bound(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at : at + 1] in ("]", "-"):
        raise ValueError("a '[...]' is empty or holds an open range")
    if pattern.startswith("\\", at):
        at += 1
    return _character(pattern, at), at + 1


def _character(pattern: str, at: int) -> str:
    if at >= len(pattern):
        raise ValueError("it ends in the middle of a '[...]' or after a backslash")
    return pattern[at]


class Ignore:
    """The patterns of a `.dockerignore`, in their order."""

    def __init__(self, patterns: Sequence[Pattern] = ()) -> None:
        self._patterns = tuple(patterns)

    @classmethod
    def parse(cls, text: str, source: str = ".dockerignore") -> Ignore:
        """Read a whole file; `source` is what errors call it.

        :raises ConfigError: malformed patterns, each with its line.
        """
        patterns, problems = [], []
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
            # Only a '#' in the first column makes a comment, as in Docker.
            if line.startswith("#") or not line.strip():
                continue
            try:
                patterns.append(Pattern.parse(line))
            except ValueError as error:
                problems.append(f"{source}:{number}: {line.strip()}: {error}")
        if problems:
            raise ConfigError(f"{source} has malformed patterns", details=problems)
        return cls(patterns)

    def covers(self, path: str) -> bool:
        """Whether the patterns name a path, be it by its own name or by a folder above it."""
        excluded, inherited = False, self._nothing()
        names = path.split("/")
        for depth in range(len(names)):
            excluded, inherited = self._judge("/".join(names[: depth + 1]), inherited)
        return excluded

    def walk(self, root: Path) -> Iterator[str]:
        """The paths below `root` that are not left out: files, folders, links, sorted within a folder.

        :raises OSError: a folder cannot be read.
        """
        yield from self._walk(root, "", self._nothing())

    def _walk(self, root: Path, folder: str, inherited: tuple[bool, ...]) -> Iterator[str]:
        with os.scandir(root / folder) as found:
            children = sorted(found, key=lambda child: child.name)
        for child in children:
            path = f"{folder}/{child.name}" if folder else child.name
            excluded, matched = self._judge(path, inherited)
            if not excluded:
                yield path
            if child.is_dir(follow_symlinks=False) and (not excluded or self._may_bring_back(path)):
                yield from self._walk(root, path, matched)

    def _judge(self, path: str, inherited: tuple[bool, ...]) -> tuple[bool, tuple[bool, ...]]:
        """Whether a path is left out, and which patterns match it, given those that match its folder."""
        excluded = False
        matched = []
        for pattern, above in zip(self._patterns, inherited, strict=True):
            # Docker asks a pattern only where its answer changes something, and hands down just what it
            # asked: after `a/c`, `!a` was no answer for a, and so does not bring back a/c.
            match = above or (pattern.brings_back == excluded and pattern.matches(path))
            matched.append(match)
            if match:
                excluded = not pattern.brings_back
        return excluded, tuple(matched)

    def _may_bring_back(self, folder: str) -> bool:
        return any(
            pattern.brings_back and f"{pattern.text}/".startswith(f"{folder}/") for pattern in self._patterns
        )

    def _nothing(self) -> tuple[bool, ...]:
        return (False,) * len(self._patterns)
