"""Etags that cannot be foreseen: of copies of what was sent in parts, and where the bucket's owner has a key.

The store is a double that gives etags as S3 does: an object that is encrypted with a key of its owner's has
one that is no MD5, and a copy of an object in parts is in one piece. No server here does the former.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from deployer.config.reading import made
from deployer.config.sections.site import Site
from deployer.errors import Superseded
from deployer.events import ignore
from deployer.site import files, release, rollback
from deployer.site.store import Found, Headers, Listed, Upload
from deployer.site.verify import verify
from deployer.site.work import SiteOperation

LARGE = 100_000


class Bucket:
    """Objects in memory. :param own_key: whether the owner encrypts with a key of his own."""

    def __init__(self, *, own_key: bool) -> None:
        self.own_key = own_key
        self._objects: dict[str, tuple[bytes, Headers, str]] = {}
        self._numbers = itertools.count()
        self._lock = threading.RLock()

    def listing(self, prefix: str, *, boundaries: Sequence[str] = ()) -> list[Listed]:
        found = sorted(self._objects.items())
        return [Listed(key, len(body), etag) for key, (body, _, etag) in found if key.startswith(prefix)]

    def head(self, key: str) -> Found | None:
        found = self._objects.get(key)
        return Found(found[1], len(found[0]), found[2]) if found else None

    def read(self, key: str) -> tuple[bytes, str] | None:
        found = self._objects.get(key)
        return (found[0], found[2]) if found else None

    def write(
        self, key: str, body: bytes, headers: Headers, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        with self._lock:
            there = self._objects[key][2] if key in self._objects else None
            if (if_absent and there) or (if_match is not None and there != if_match):
                raise Superseded("another one")
            return self._put(key, body, headers)

    def upload(self, uploads: Iterable[Upload], *, progress: object = None) -> None:
        for each in uploads:
            body = each.source if isinstance(each.source, bytes) else each.source.read_bytes()
            self._put(each.key, body, each.headers, each.etag if len(body) > LARGE else "")

    def copy(self, source: str, target: str, headers: Headers) -> None:
        self._put(target, self._objects[source][0], headers)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._objects.pop(key, None)

    def sweep(self, prefix: str) -> int:
        return 0

    def _put(self, key: str, body: bytes, headers: Headers, in_parts: str = "") -> str:
        etag = in_parts or hashlib.md5(body, usedforsecurity=False).hexdigest()
        if self.own_key:
            etag = hashlib.sha256(f"{next(self._numbers)}".encode()).hexdigest()[:32]
        self._objects[key] = (body, headers, etag)
        return etag


@pytest.mark.parametrize("own_key", [False, True], ids=["in parts", "own key"])
def test_a_release_that_came_back_is_as_it_was_and_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_key: bool
) -> None:
    monkeypatch.setattr(files, "MULTIPART_ABOVE", LARGE)
    monkeypatch.setattr(files, "PART", 50_000)
    operation = SiteOperation(made(Site, {"bucket": "shop-site"}), tmp_path, Bucket(own_key=own_key), ignore)

    def build(number: int) -> None:
        (tmp_path / "dist").mkdir(exist_ok=True)
        (tmp_path / "dist/index.html").write_text(f"release {number}")
        (tmp_path / "dist/film.bin").write_bytes(bytes([number]) * 150_000)

    for number in (1, 2):
        build(number)
        release.deploy(operation, release.Choices())
        assert verify(operation).faults == ()
    rollback.rollback(operation, None)
    assert verify(operation).faults == ()
    build(1)
    assert release.deploy(operation, release.Choices()).outcome == "unchanged"
