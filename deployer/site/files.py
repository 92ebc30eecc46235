"""The built front end on disk: what of it is sent, under which keys, and what its content is.

Left out are `site.ignore`, and what begins with a dot (or lies in such a folder) unless `site.hidden` names
it. A link is followed as long as it stays inside; one that leads out is refused, since a build server's own
files would be published. Names are NFC in the bucket, as browsers ask for them, whatever the file system
wrote.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct, field

from deployer.config.sections.site import Site
from deployer.errors import PreflightError
from deployer.site.patterns import Matches, compile_patterns
from deployer.site.store import MULTIPART_ABOVE, PART

LONGEST_KEY = 1024
"""Bytes of UTF-8 that S3 allows a key to have."""
_PIECE = 1024 * 1024
_SMALL = 64 * 1024
_SHOWN = 10
Packed = tuple[list[tuple[str, str | bytes, int, bytes, str, str]], list[str]]


class LocalFile(Struct):
    """A file that the site is to have.

    :ivar path: its key without the prefix: NFC, with slashes.
    :ivar source: where it is on disk, or what it holds.
    :ivar size: bytes; 0 until `digest` has read it.
    :ivar md5: of its content; empty until then.
    :ivar etag: that it will have in the bucket where it is sent in parts; else empty.
    :ivar redirect: where the path leads, for a page that is made from `site.redirects`.
    """

    path: str
    source: str | bytes
    size: int = 0
    md5: bytes = b""
    etag: str = ""
    redirect: str = ""


class Scan(Struct):
    """What was found on disk.

    :ivar doubts: what a person should know, though it can be deployed.
    """

    files: list[LocalFile]
    doubts: list[str] = field(default_factory=list)

    def packed(self) -> Packed:
        """The same, as it travels between processes."""
        return [
            (each.path, each.source, each.size, each.md5, each.etag, each.redirect) for each in self.files
        ], self.doubts

    @classmethod
    def of(cls, packed: Packed) -> Scan:
        """What was packed."""
        rows, doubts = packed
        return cls([LocalFile(*row) for row in rows], doubts)


def scan(site: Site, root: Path) -> Scan:
    """The files of a build that are to be sent, sorted by path, with their content's digests.

    :param root: the config's folder.
    :raises PreflightError: the folder is missing, empty, or without its page; a name cannot be a key.
    """
    dist = root / site.dist
    if not dist.is_dir():
        raise PreflightError(
            f"there is no folder {dist}", remedy="build the front end first, or set site.dist to where it is"
        )
    walk = _Walk(dist, compile_patterns(site.ignore), compile_patterns(site.hidden))
    walk.folder(str(dist), "", hidden=False, entered=frozenset())
    files = walk.files
    if not files:
        raise PreflightError(f"{dist} holds nothing to deploy", remedy="did the build fail, or go elsewhere?")
    if not any(file.path == site.index for file in files):
        raise PreflightError(
            f"{dist} has no {site.index}",
            remedy="set site.dist to the folder that the build writes, or site.index to the name of its page",
        )
    files += _redirects(site)
    files.sort(key=_by_path)
    doubts = _check_names(files, site.prefix)
    digest(files)
    return Scan(files, doubts)


def digest(files: Iterable[LocalFile]) -> None:
    """Read the files and note what their content is.

    :raises PreflightError: one cannot be read.
    """
    # Threads gain nothing here: files of a site are small, and what is done for each is Python.
    md5 = hashlib.md5
    for file in files:
        source = file.source
        if isinstance(source, bytes):
            file.md5 = md5(source, usedforsecurity=False).digest()
            continue
        try:
            # One read rather than a stat and a read: most files are smaller than this.
            descriptor = os.open(source, os.O_RDONLY)
            try:
                content = os.read(descriptor, _SMALL)
            finally:
                os.close(descriptor)
            if len(content) == _SMALL:
                _digest_large(file, source)
                continue
        except OSError as error:
            raise PreflightError(f"{source} cannot be read: {error.strerror}") from error
        file.size = len(content)
        file.md5 = md5(content, usedforsecurity=False).digest()


def _digest_large(file: LocalFile, source: str) -> None:
    whole = hashlib.md5(usedforsecurity=False)
    part = hashlib.md5(usedforsecurity=False)
    parts: list[bytes] = []
    size = 0
    with open(source, "rb", buffering=0) as stream:  # noqa: PTH123  (a Path for each of thousands costs)
        while piece := stream.read(_PIECE):
            whole.update(piece)
            part.update(piece)
            size += len(piece)
            if size % PART == 0:
                parts.append(part.digest())
                part = hashlib.md5(usedforsecurity=False)
    if size % PART:
        parts.append(part.digest())
    file.size, file.md5 = size, whole.digest()
    if size > MULTIPART_ABOVE:
        joined = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
        file.etag = f"{joined}-{len(parts)}"


def _by_path(file: LocalFile) -> str:
    return file.path


class _Walk:
    """A walk through a build's folder."""

    def __init__(self, dist: Path, ignored: Matches, shown: Matches) -> None:
        self.root = os.path.realpath(dist)
        self.ignored = ignored
        self.shown = shown
        self.files: list[LocalFile] = []

    def folder(self, folder: str, below: str, *, hidden: bool, entered: frozenset[str]) -> None:
        """Everything in `folder`, whose own path is `below`, with a slash at its end."""
        with os.scandir(folder) as found:
            for child in found:
                path = below + child.name
                if not path.isascii():
                    path = unicodedata.normalize("NFC", path)
                dotted = hidden or child.name.startswith(".")
                if child.is_file(follow_symlinks=False):
                    self._add(child, path, dotted)
                elif child.is_symlink() and not self._wanted_link(child, path, dotted):
                    continue
                elif child.is_dir():
                    self._enter(child, path, dotted, entered)
                elif child.is_file():
                    self._add(child, path, dotted)
                elif not self.ignored(path) and not dotted:
                    raise PreflightError(
                        f"{child.path} is no file, and cannot be deployed",
                        remedy="remove it, or add it to site.ignore",
                    )

    def _add(self, child: os.DirEntry[str], path: str, dotted: bool) -> None:
        if not self.ignored(path) and (not dotted or self.shown(path)):
            self.files.append(LocalFile(path, child.path))

    def _enter(self, child: os.DirEntry[str], path: str, dotted: bool, entered: frozenset[str]) -> None:
        if self.ignored(path):
            return
        real = os.path.realpath(child.path) if child.is_symlink() or entered else ""
        if real and (real in entered or real == self.root):
            raise PreflightError(
                f"{child.path} leads back into a folder that it lies in", remedy="remove the link"
            )
        inside = entered | {real} if real else entered
        self.folder(child.path, path + "/", hidden=dotted, entered=inside)

    def _wanted_link(self, child: os.DirEntry[str], path: str, dotted: bool) -> bool:
        if self.ignored(path) or (dotted and not self.shown(path)):
            return False
        real = os.path.realpath(child.path)
        if not Path(real).exists():
            raise PreflightError(
                f"{child.path} is a link to nothing", remedy="remove it, or add it to site.ignore"
            )
        if real != self.root and not real.startswith(self.root + os.sep):
            raise PreflightError(
                f"{child.path} is a link that leads out of the build, to {real}",
                remedy="copy what it leads to into the build, or add it to site.ignore",
            )
        return True


def _redirects(site: Site) -> list[LocalFile]:
    files = []
    for path, target in site.redirects.items():
        key = unicodedata.normalize("NFC", unquote(path.removeprefix("/")))
        if not key or key.endswith("/"):
            key += site.index
        from html import escape

        page = _REDIRECT.format(target=escape(target, quote=True)).encode()
        files.append(LocalFile(key, page, len(page), redirect=target))
    return files


_REDIRECT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Moved</title>
<meta http-equiv="refresh" content="0; url={target}"><link rel="canonical" href="{target}">
<p>This page has moved: <a href="{target}">{target}</a></p></html>
"""


def _check_names(files: Sequence[LocalFile], prefix: str) -> list[str]:
    """Refuse names that cannot be keys; say which are hard to tell apart."""
    problems = []
    folded: dict[str, str] = {}
    doubts = []
    before = None
    for file in files:
        path = file.path
        if path == before:
            problems.append(f"{path!r}: two files, or a file and a redirect, have this path")
        before = path
        if not path.isascii() or not path.isprintable():
            problems += _odd_name(path)
        if len(path) + len(prefix) > LONGEST_KEY // 4 and _bytes(prefix + path) > LONGEST_KEY:
            problems.append(f"{path[:60]!r}...: longer than the {LONGEST_KEY} bytes that a key may have")
        other = folded.setdefault(path.lower(), path)
        if other is not path and other != path:
            doubts.append(
                f"{other} and {path} differ in case only: the same file to some machines, not to S3"
            )
    if problems:
        count = len(problems)
        raise PreflightError(
            f"{count} name{'s' if count > 1 else ''} cannot be deployed",
            details=[*problems[:_SHOWN], *(["..."] if count > _SHOWN else [])],
            remedy="rename the files, or add them to site.ignore",
        )
    return doubts


def _odd_name(path: str) -> list[str]:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return [f"{path!r}: control characters, or bytes that are no UTF-8"]
    return []


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
