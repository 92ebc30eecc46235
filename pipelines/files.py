"""Which files a stage depends on, and one digest of them all; quick where they have not been touched.

    fingerprint = Files(root, cache).digest(root, ["src/**"])

The digest is over names, contents, link targets and the executable bit. A file whose size, times and inode
are those of the last look is not read again; one that was written just before that look is, since a
clock's tick may hide a later write.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deployer.config.schema import Config
from deployer.errors import ConfigError
from deployer.image import git
from deployer.image.ignore import Ignore, Pattern
from pipelines import jsonfile

FOLDER = ".pipeline"
"""In the folder of config.yaml; what runs leave for the next ones."""

VERSION = 1
_PIECE = 1024 * 1024
_TICK = 100_000_000
"""Nanoseconds that a file must have been left alone for its times to tell whether it was changed."""
_NEVER = {".git", FOLDER, "__pycache__", "node_modules"}
"""Folders that are passed by where there is no git to ask."""


class Files:
    """The files of a workspace.

    :param root: the folder of config.yaml.
    :param cache: where the last look is kept.
    :param ours: folders that the pipeline itself writes; no input is in there.
    """

    def __init__(self, root: Path, cache: Path, ours: Sequence[Path] = ()) -> None:
        self._root = root
        self._cache = cache
        self._ours = tuple(f"{os.path.relpath(folder, root)}/" for folder in ours)
        found = jsonfile.read(cache, VERSION)
        self._known: dict[str, list[Any]] = found.get("files", {}) if found else {}
        self._changed = False

    def digest(
        self, folder: Path, globs: Sequence[str], *, outputs: Sequence[str] = (), key: str = "inputs"
    ) -> str:
        """One sha256 over the files below `folder` that `globs` match; over all where there are none.

        Files that git ignores do not count.

        :param outputs: paths below `folder` that do not count either.
        :param key: what the config calls the globs, for errors.
        :raises ConfigError: a malformed glob, globs that match nothing, or a file that cannot be read.
        """
        total = hashlib.sha256()
        count = 0
        ours = (*self._ours, *(f"{os.path.relpath(folder / name, self._root)}/" for name in outputs))
        for name in self._chosen(folder, globs, key, ours):
            described = self._describe(folder / name)
            if described is not None:
                total.update(b"\0".join(os.fsencode(part) for part in (name, *described)) + b"\0\n")
                count += 1
        if globs and not count:
            raise ConfigError(
                f"{key}: nothing in {folder} matches {', '.join(globs)}",
                remedy="the globs are relative to that folder; files that git ignores do not count",
            )
        return total.hexdigest()

    def save(self) -> None:
        """Keep what was seen for the next run."""
        if self._changed:
            jsonfile.write(self._cache, {"version": VERSION, "files": self._known})
            self._changed = False

    def _chosen(self, folder: Path, globs: Sequence[str], key: str, ours: tuple[str, ...]) -> Iterator[str]:
        patterns = []
        for text in globs:
            try:
                patterns.append(Pattern.parse(text))
            except ValueError as error:
                raise ConfigError(f"{key}: {text}: {error}") from error
        wanted = Ignore(patterns)
        for name in sorted(_names(folder)):
            if not globs or wanted.covers(name):
                where = os.path.relpath(folder / name, self._root)
                if not f"{where}/".startswith((f"{FOLDER}/", *ours)):
                    yield name

    def _describe(self, path: Path) -> tuple[str, ...] | None:
        """Kind and content of a file or link; None where it is gone, or is no such thing."""
        try:
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                return ("link", str(path.readlink()))
            if not stat.S_ISREG(found.st_mode):
                return None
            return ("x" if found.st_mode & 0o111 else "-", self._content(path, found))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{path} cannot be read ({error.strerror})") from error

    def _content(self, path: Path, found: os.stat_result) -> str:
        name = os.path.relpath(path, self._root)
        seen = [found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino]
        known = self._known.get(name)
        if known and known[:-1] == seen:
            return str(known[-1])
        looked = time.time_ns()
        content = _hash(path)
        if max(found.st_mtime_ns, found.st_ctime_ns) < looked - _TICK:
            self._known[name] = [*seen, content]
            self._changed = True
        else:
            self._changed |= self._known.pop(name, None) is not None
        return content


def files_of(config: Config, pipeline: str) -> Files:
    """The files of the workspace that a config stands in."""
    cache = config.root / FOLDER / f"{pipeline}.files.json"
    return Files(config.root, cache, [config.root / config.pipelines.reports])


def _names(folder: Path) -> Iterator[str]:
    """The files below a folder, as git sees them, else all of them."""
    listed = git.ask(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is not None:
        yield from set(filter(None, listed.split("\0")))
        return
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NEVER]
        below = os.path.relpath(path, folder)
        for name in names:
            yield name if below == "." else f"{below}/{name}"


def _hash(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while data := file.read(_PIECE):
            total.update(data)
    return total.hexdigest()
