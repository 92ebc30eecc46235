"""Files on their way into the bucket: compressed where the rules say so, counted while they go."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from deployer.config.units import humanize_size
from deployer.errors import ConfigError, PreflightError
from deployer.site.files import LocalFile, digest
from deployer.site.manifest import Keys
from deployer.site.plan import Plan, Sending
from deployer.site.store import Upload

_PIECE = 1024 * 1024
_BETWEEN = 0.2
"""Seconds between two looks at the progress."""


def compress(plan: Plan, folder: Path) -> None:
    """Compress what is to be sent so, into `folder`; the plan then knows what it will be in the bucket.

    The same content gives the same bytes each time: no name and no time are written into it.

    :raises ConfigError: `encoding: br` without the package that does it.
    :raises PreflightError: a file has changed since it was read.
    """
    for index, sending in enumerate(plan.sends):
        encoding = sending.entry.headers.content_encoding
        if not encoding or sending.entry.md5:
            continue
        made = folder / str(index)
        with made.open("wb") as target:
            _squeeze(sending.file, target, encoding)
        file = LocalFile(sending.file.path, str(made))
        digest([file])
        md5 = file.md5.hex()
        entry = sending.entry._replace(size=file.size, md5=md5, etag=file.etag or md5)
        plan.sends[index] = sending._replace(file=file, entry=entry)
        plan.files[file.path] = entry


def _squeeze(file: LocalFile, target: IO[bytes], encoding: str) -> None:
    source = file.source
    if isinstance(source, bytes):
        raise TypeError("pages that are made here are not compressed")

    # The bucket checks the compressed content only: whether that is of what was planned is seen here.
    md5 = hashlib.md5(usedforsecurity=False)

    def pieces(stream: IO[bytes]) -> Iterator[bytes]:
        while piece := stream.read(_PIECE):
            md5.update(piece)
            yield piece

    with Path(source).open("rb") as stream:
        _squeeze_pieces(pieces(stream), target, encoding)
    if md5.digest() != file.md5:
        raise _changed(file)


def _squeeze_pieces(pieces: Iterator[bytes], target: IO[bytes], encoding: str) -> None:
    if encoding == "gzip":
        import gzip

        with gzip.GzipFile("", "wb", 9, target, mtime=0) as squeezed:
            for piece in pieces:
                squeezed.write(piece)
        return
    compressor = brotli().Compressor(quality=9)
    for piece in pieces:
        target.write(cast(bytes, compressor.process(piece)))
    target.write(cast(bytes, compressor.finish()))


def brotli() -> Any:
    """The package. :raises ConfigError: it is not installed."""
    try:
        import brotli as package
    except ImportError:
        raise ConfigError(
            "site.rules: encoding br needs the package brotli",
            remedy="pip install 'deployer[aws]' installs it; or use gzip",
        ) from None
    return package


def uploads(sends: Sequence[Sending], keys: Keys) -> Iterator[Upload]:
    """The uploads of a plan's part, largest first: the last ones to end are then short."""
    for sending in sorted(sends, key=lambda sending: -sending.file.size):
        yield upload_of(sending, keys)


def upload_of(sending: Sending, keys: Keys) -> Upload:
    """One of them."""
    file, entry = sending.file, sending.entry
    source = file.source if isinstance(file.source, bytes) else Path(file.source)
    return Upload(keys.of(file.path), source, file.size, file.md5, entry.headers, file.etag)


class Meter:
    """Counts the bytes of uploads, and says now and then how far they are.

    :param tell: given a text like `120 of 5,001 files, 3.1 MB of 30 MB, 9 MB/s, 3 s left`.
    """

    def __init__(self, sends: Sequence[Sending], tell: Callable[[str], None]) -> None:
        self.files = len(sends)
        self.bytes = sum(sending.file.size for sending in sends)
        self._tell = tell
        self._left: dict[str, int] = {}
        self._done = sum(not sending.file.size for sending in sends)  # of an empty one nothing is told
        self._sent = 0
        self._began = time.monotonic()
        self._told = self._began
        self._guard = threading.Lock()

    def __call__(self, upload: Upload, count: int) -> None:
        """`count` more bytes of an upload were sent; fewer than none where some must be sent again."""
        with self._guard:
            self._sent += count
            before = self._left.get(upload.key, upload.size)
            left = self._left[upload.key] = before - count
            self._done += (left <= 0) - (before <= 0)
            now = time.monotonic()
            if now - self._told < _BETWEEN:
                return
            self._told = now
            text = self.text(now)
        self._tell(text)

    def text(self, now: float) -> str:
        """How far it is at an instant."""
        rate = self._sent / max(now - self._began, 0.001)
        left = max(0, self.bytes - self._sent) / rate if rate > 0 else 0
        return (
            f"{self._done:,} of {self.files:,} files, {humanize_size(self._sent)} of "
            f"{humanize_size(self.bytes)}, {humanize_size(rate)}/s, {left:.0f} s left"
        )


def content(sending: Sending) -> bytes:
    """What a small file holds. :raises PreflightError: it has changed since it was read."""
    source = sending.file.source
    body = source if isinstance(source, bytes) else Path(source).read_bytes()
    if hashlib.md5(body, usedforsecurity=False).digest() != sending.file.md5:
        raise _changed(sending.file)
    return body


def _changed(file: LocalFile) -> PreflightError:
    return PreflightError(
        f"{file.path} was changed while it was being deployed", remedy="build first, then deploy"
    )
