"""What a release of the site needs of a bucket: a few values, and the operations on them.

    store = open_store(config.site, environ)        # deployer.site.s3
    store.upload(uploads, progress=tell)
    store.write(key, body, headers, if_match=etag)

Keys are as in the bucket, with the site's prefix. An etag is the MD5 of the content in hex, without quotes,
where the object was sent in one piece and is not encrypted with a key of one's own; else it only says
whether two contents are the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

MULTIPART_ABOVE = 64 * 1024**2
"""Bytes above which a file is sent in parts; its etag is then the MD5 of the parts' MD5s, and how many."""
PART = 16 * 1024**2
"""Bytes of a part; the last one is smaller."""


class Headers(Struct, frozen=True):
    """What an object is served with.

    :param redirect: path or address that a visitor is sent to instead (`x-amz-website-redirect-location`).
    :param metadata: `x-amz-meta-*` without that prefix, names in lower case, sorted.
    :param foreign: others that a browser heeds and that we never send, where somebody else has set them.
    """

    content_type: str
    cache_control: str = ""
    content_encoding: str = ""
    redirect: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()


class Listed(Struct, frozen=True):
    """An object as a listing shows it; its headers are not in there."""

    key: str
    size: int
    etag: str


class Found(Struct, frozen=True):
    """An object as it is served."""

    headers: Headers
    size: int
    etag: str


class Upload(Struct, frozen=True):
    """A file, or what a file would hold, on its way to a key.

    :param md5: of the whole content, 16 bytes; the store refuses content that is another.
    :param etag: that the object shall have where it is sent in parts; empty where nobody has computed it, and
        then the parts are checked, but not their sum.
    """

    key: str
    source: Path | bytes
    size: int
    md5: bytes
    headers: Headers
    etag: str = ""


Progress = Callable[[Upload, int], None]
"""Told of bytes that were sent of an upload, negative when they must be sent again. From several threads."""


class Store(Protocol):
    """A bucket. Methods may be called from any thread, and raise errors of CloudError's branch only."""

    def listing(self, prefix: str, *, boundaries: Sequence[str] = ()) -> list[Listed]:
        """All objects below a prefix, sorted by key.

        :param boundaries: keys that are likely to be there (of the last manifest, say), sorted: pages are
            then fetched at the same time. The result is the same without them.
        """

    def head(self, key: str) -> Found | None:
        """An object's headers, size and etag; None where there is none."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """The content and the etag of a small object; None where there is none."""

    def write(
        self, key: str, body: bytes, headers: Headers, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Put a small object, and give its new etag.

        :param if_match: only where the object there has this etag.
        :param if_absent: only where there is no object.
        :raises Superseded: the object is another (or is there, or is gone).
        """

    def upload(self, uploads: Iterable[Upload], *, progress: Progress | None = None) -> None:
        """Put many objects at once; they are begun in the order that they are given in.

        On the first error no further upload begins, and it is raised when those that were begun have ended.
        """

    def copy(self, source: str, target: str, headers: Headers) -> None:
        """Copy an object inside the bucket, with headers of its own."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; what is not there is no error."""

    def sweep(self, prefix: str) -> int:
        """Delete what is left of uploads below a prefix that were killed a day ago or longer; how many."""
