"""What is kept in the bucket reads back as it was written; what is not ours is refused."""

from __future__ import annotations

import json

import pytest

from deployer.errors import SiteDamaged
from deployer.site.manifest import Entry, Keys, Manifest, Pending, Pointer, Process, Record
from deployer.site.store import Headers

PAGE = Headers("text/html; charset=utf-8", "no-cache")
ODD = Headers("a/b", "c", "gzip", "/d", (("e", "f"), ("g", "h")))
MANIFEST = Manifest(
    "20261128-1",
    {
        "index.html": Entry(1, "m1", "m1", PAGE, "m1"),
        "한 글.txt": Entry(2, "m2", "etag-2", ODD, "s2"),
        "z.html": Entry(3, "m3", "m3", PAGE, "m3"),
    },
)
POINTER = Pointer(
    "b",
    "2026-11-28T00:00:00+00:00",
    tuple(Record(name, "2026", "me", 1, 2, None, None, complete=name != "x") for name in "dxcba"),
    Pending("d", "deploy", "publishing", "me", "2026", "t", 3, Process("b", "n", 1, "s"), ("/", "/a"), "d-t"),
)


def test_a_manifest_reads_back() -> None:
    text = MANIFEST.to_json()
    assert Manifest.from_json(text, "k") == MANIFEST
    assert len(json.loads(text)["headers"]) == 2
    assert list(json.loads(text)["files"]) == list(MANIFEST.files)


def test_a_pointer_reads_back() -> None:
    assert Pointer.from_json(POINTER.to_json(), "k") == POINTER
    assert Pointer.from_json(Pointer().to_json(), "k") == Pointer()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"format": 1}',
        b'{"format": 1, "release": "a", "headers": [], "files": {"a": [1, "m", 0]}}',
        b'{"format": 1, "release": "a", "headers": [{"odd": 1}], "files": {}}',
        b'{"format": 1, "release": "a", "since": "", "releases": [{}], "pending": null}',
        b'{"format": 2, "release": "a"}',
    ],
)
def test_what_is_not_ours_is_refused(text: bytes) -> None:
    with pytest.raises(SiteDamaged, match="k"):
        Manifest.from_json(text, "k")
    with pytest.raises(SiteDamaged, match="k"):
        Pointer.from_json(text, "k")


def ids(records: tuple[Record, ...]) -> str:
    return "".join(record.id for record in records)


def test_what_serves_is_retained_however_old_it_is() -> None:
    new = Record("e", "2026", "me", 1, 1)
    assert ids(POINTER.retaining(2, new)) == "eb"
    assert ids(POINTER.retaining(3, new)) == "edb"
    assert ids(POINTER.retaining(9, new)) == "edcba"
    assert ids(POINTER.retaining(2)) == "dxb"


def test_a_release_that_was_given_up_does_not_count_and_goes_after_two_others() -> None:
    one = Pointer("a", "", (Record("x", "", "", 0, 0, complete=False), Record("a", "", "", 0, 0)))
    two = Pointer("b", "", one.retaining(5, Record("b", "", "", 0, 0)))
    assert ids(two.releases) == "bxa"
    assert ids(two.retaining(5, Record("c", "", "", 0, 0))) == "cba"


def test_keys_are_below_the_prefix() -> None:
    keys = Keys("front/")
    assert keys.of("a b.txt") == "front/a b.txt"
    assert keys.pointer == "front/.deployer/current.json"
    assert keys.manifest("r") == "front/.deployer/releases/r.json"
    assert keys.kept("m") == "front/.deployer/kept/m"
