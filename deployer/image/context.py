"""The files that a build is made of: listed, hashed, and streamed to the engine as a tar.

    context = read(root, text, inputs=[])
    context.digest                      # of what the files are, not of when or by whom they were written
    for piece in context.stream(): ...  # bytes of a tar; never more than a piece in memory

The digest is over names, kinds, contents, link targets and the executable bit. Everything else that a tar
holds is made the same for all: owner 0, modes 755 and 644, and one modification time that follows from
the digest. A constant time would be simpler, but servers derive ETags from time and size: two versions of
a file with the same length would look like one to a browser's cache.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from deployer.errors import BuildFailed, ConfigError
from deployer.image.ignore import Ignore, Pattern

IGNORE_FILE = ".dockerignore"
DOCKERFILE = ".deployer.Dockerfile"
"""What the Dockerfile is called in the tar: it may come from elsewhere, or from a template."""

PIECE = 256 * 1024
_BLOCK = 512
_EPOCH = 946684800
"""2000-01-01: zip, and so Python wheels, know no time before 1980."""

_SPECIAL = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

Sent = Callable[[int], None]
"""Told how many bytes of the files' contents have been sent so far."""


class Entry(Struct, frozen=True):
    """A file, folder or link; `content` is a file's sha256 or a link's target; `size` in bytes."""

    name: str
    kind: Literal["file", "folder", "link"]
    content: str = ""
    size: int = 0
    executable: bool = False


class BuildContext(Struct, frozen=True):
    """What is sent for a build: the entries below `root`, and the Dockerfile's text beside them.

    :ivar kept_back: files that would have been sent, but hold secrets.
    """

    root: Path
    entries: tuple[Entry, ...]
    digest: str
    dockerfile: str
    kept_back: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(entry.size for entry in self.entries)

    @property
    def files(self) -> int:
        """How many files there are, links among them, folders not."""
        return sum(entry.kind != "folder" for entry in self.entries)

    def stream(self, sent: Sent = lambda _: None) -> Iterator[bytes]:
        """The tar, in pieces of about 256 KiB.

        :raises BuildFailed: a file is not what it was when the context was read.
        """
        piece = bytearray()
        for block in self._blocks(sent):
            piece += block
            if len(piece) >= PIECE:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)

    def _blocks(self, sent: Sent) -> Iterator[bytes]:
        mtime = _EPOCH + int(self.digest[:7], 16)
        total = 0
        for entry in self.entries:
            # The rules for the builder come last, with one more line.
            if entry.name == IGNORE_FILE:
                continue
            yield _header(entry, mtime)
            if entry.kind == "file":
                for data in _contents(self.root, entry):
                    total += len(data)
                    sent(total)
                    yield data
                yield _padding(entry.size)
        for name, text in ((DOCKERFILE, self.dockerfile), (IGNORE_FILE, self._ignore_text())):
            data = text.encode("utf-8", "surrogateescape")
            yield _header(Entry(name, "file", size=len(data)), mtime)
            yield data + _padding(len(data))
        yield bytes(2 * _BLOCK)

    def _ignore_text(self) -> str:
        """Rules by which the builder removes what is there for itself, before `COPY . .` finds it."""
        if any(entry.name == IGNORE_FILE for entry in self.entries):
            return f"{_ignore_text(self.root)}\n{DOCKERFILE}\n"
        return f"{IGNORE_FILE}\n{DOCKERFILE}\n"


def read(
    root: Path, dockerfile: str, inputs: Sequence[str] = (), secret: Iterable[Path] = ()
) -> BuildContext:
    """List and hash a folder, honouring its `.dockerignore`.

    :param dockerfile: the Dockerfile's text.
    :param inputs: where given, globs of what alone is sent, written as in `.dockerignore`.
    :param secret: files that are not sent in any case: in a layer everybody who has the image reads them.
    :raises ConfigError: no such folder, a malformed pattern, or an input that nothing matches.
    :raises BuildFailed: a file cannot be read, or is a socket, pipe or device.
    """
    if not root.is_dir():
        raise ConfigError(
            f"service.build.context: {root} is not a folder",
            remedy="give it relative to the folder of config.yaml",
        )
    try:
        names = list(Ignore.parse(_ignore_text(root), str(root / IGNORE_FILE)).walk(root))
    except OSError as error:
        raise _unreadable(Path(error.filename or root), error) from error
    if inputs:
        names = _selected(names, inputs)
    hidden = {str(path.resolve().relative_to(root.resolve())) for path in secret if _is_below(path, root)}
    kept_back = tuple(sorted(name for name in names if name in hidden))
    names = _with_folders([name for name in names if name not in hidden])
    entries = tuple(_entry(root, name) for name in names if name != DOCKERFILE)
    return BuildContext(root, entries, _digest(entries), dockerfile, kept_back)


def _is_below(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def alone(dockerfile: str) -> BuildContext:
    """A Dockerfile without any files to copy."""
    return BuildContext(Path(), (), _digest(()), dockerfile)


def _ignore_text(root: Path) -> str:
    path = root / IGNORE_FILE
    try:
        # What is no UTF-8 in it stays as it is: names of files may be anything.
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _unreadable(path, error) from error


def _selected(names: list[str], inputs: Sequence[str]) -> list[str]:
    patterns, problems = [], []
    for text in inputs:
        try:
            pattern = Pattern.parse(text)
        except ValueError as error:
            problems.append(f"service.build.inputs: {text}: {error}")
            continue
        patterns.append(pattern)
        if not pattern.brings_back and not any(pattern.matches(name) for name in names):
            problems.append(f"service.build.inputs: {text}: matches nothing that .dockerignore lets through")
    if problems:
        raise ConfigError("service.build.inputs does not fit the context", details=problems)
    chosen = Ignore(patterns)
    return [name for name in names if chosen.covers(name)]


def _with_folders(names: list[str]) -> list[str]:
    """Sorted, with the folders above them: engines differ in how they make those that a tar leaves out."""
    every = set(names)
    for name in names:
        while "/" in name:
            name = name.rpartition("/")[0]  # noqa: PLW2901
            if name in every:
                break
            every.add(name)
    return sorted(every)


def _entry(root: Path, name: str) -> Entry:
    path = root / name
    try:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            return Entry(name, "folder")
        if stat.S_ISLNK(mode):
            return Entry(name, "link", str(path.readlink()))
        if stat.S_ISREG(mode):
            content, size = _hash(path)
            return Entry(name, "file", content, size, executable=bool(mode & 0o111))
    except OSError as error:
        raise _unreadable(path, error) from error
    kind = next(text for test, text in _SPECIAL if test(mode))
    raise BuildFailed(
        f"{_shown(path)} is {kind}, which cannot be part of an image",
        remedy=f"name it in {IGNORE_FILE}, or move it out of the context",
    )


def _hash(path: Path) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while data := file.read(PIECE):
            total.update(data)
            size += len(data)
    return total.hexdigest(), size


def _digest(entries: Sequence[Entry]) -> str:
    total = hashlib.sha256()
    for entry in entries:
        fields = (entry.kind, entry.name, entry.content, "x" if entry.executable else "")
        # No name, target or hash holds a NUL, so two lists of fields cannot read alike.
        total.update(b"\0".join(os.fsencode(field) for field in fields) + b"\0\n")
    return total.hexdigest()


def _contents(root: Path, entry: Entry) -> Iterator[bytes]:
    """A file's bytes, which must be those that were hashed: the image's label says so."""
    path, total, left = root / entry.name, hashlib.sha256(), entry.size
    try:
        with path.open("rb", buffering=0) as file:
            while left and (data := file.read(min(PIECE, left))):
                total.update(data)
                left -= len(data)
                yield data
            longer = bool(file.read(1))
    except OSError as error:
        raise _unreadable(path, error) from error
    if left or longer or total.hexdigest() != entry.content:
        raise BuildFailed(
            f"{_shown(path)} changed while it was sent to the engine",
            remedy=f"run the build again when nothing writes there, or name the file in {IGNORE_FILE}",
        )


def _header(entry: Entry, mtime: int) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.mtime = mtime
    if entry.kind == "folder":
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    elif entry.kind == "link":
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, entry.content
    else:
        info.mode, info.size = 0o755 if entry.executable else 0o644, entry.size
    # GNU's format takes names of any length as the bytes they are, even where those are no UTF-8.
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _unreadable(path: Path, error: OSError) -> BuildFailed:
    return BuildFailed(
        f"{_shown(path)} cannot be read ({error.strerror or error})",
        remedy=f"mend its permissions, or name it in {IGNORE_FILE}",
    )


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
