"""Small files on their way into and out of containers, as the engine takes them: tar."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping


def pack(files: Mapping[str, str], owner: int = 0) -> bytes:
    """A tar of text files that only `owner` (a user id, root's if not given) may read."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            entry.uid = entry.gid = owner
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def unpack(archive: bytes) -> str:
    """The text of the first file in a tar."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.next()
        file = tar.extractfile(member) if member else None
        return file.read().decode("utf-8", "replace") if file else ""
