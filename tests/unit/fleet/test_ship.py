"""What of an image is sent: the archive without the files of layers that are there."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from deployer.errors import ImageError
from deployer.fleet.archive import packed, without
from deployer.fleet.ship import Fetched, Layers, layers, same
from deployer.host.engine import Engine

LAYERS = Layers(("a", "b", "c"), ("1/layer.tar", "2/layer.tar", "3/layer.tar"))


@pytest.mark.parametrize(
    ("held", "lacking"),
    [
        ([], {0, 1, 2}),
        ([("a",)], {1, 2}),
        ([("x",), ("a", "b", "z")], {2}),
        ([("a", "b", "c", "d")], set()),
        ([("b", "c")], {0, 1, 2}),  # on other layers it is another one
    ],
)
def test_layers_are_known_by_all_below_them(held: list[tuple[str, ...]], lacking: set[int]) -> None:
    assert LAYERS.unknown(held) == lacking


def archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, size in [("1/layer.tar", 5000), ("2/layer.tar", 512), ("a" * 150, 7), ("manifest.json", 0)]:
            member = tarfile.TarInfo(name)
            member.size = size
            member.mtime = 1.5  # a time that needs an extended header
            tar.addfile(member, io.BytesIO(b"x" * size))
    return file.getvalue()


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", [1, 511, 512, 4000, 10**6])
def test_members_are_left_out_and_the_rest_is_as_it_was(size: int) -> None:
    left = b"".join(without(pieces(archive(), size), {"1/layer.tar"}))
    with tarfile.open(fileobj=io.BytesIO(left)) as tar:
        assert [member.name for member in tar] == ["2/layer.tar", "a" * 150, "manifest.json"]
        member = tar.extractfile("2/layer.tar")
        assert member is not None
        assert member.read() == b"x" * 512
        assert tar.getmember("a" * 150).mtime == 1.5


def test_an_archive_that_ends_early_is_an_error() -> None:
    with pytest.raises(ImageError, match="ends too early"):
        list(without(pieces(archive()[:3000], 100), set()))


def test_it_is_packed_on_the_way() -> None:
    assert gzip.decompress(b"".join(packed(pieces(archive(), 999)))) == archive()


def test_engines_that_count_ids_differently_still_mean_the_same_image() -> None:
    made = {"RootFS": {"Layers": ["a", "b"]}, "Created": "2026-01-01T00:00:00Z", "Config": {"Env": ["V=1"]}}
    here = {"Id": "sha256:config", **made}
    assert same(here, {"Id": "sha256:manifest", **made})
    assert not same(here, None)
    assert not same(here, {"Id": "sha256:other", **made, "Config": {"Env": ["V=2"]}})
    assert not same(here, {"Id": "sha256:other", **made, "RootFS": {"Layers": ["a"]}})


class Far:
    """An engine that counts how often it is asked for an image."""

    asked = 0

    def save(self, _ref: str) -> Iterator[bytes]:
        self.asked += 1
        yield from pieces(archive(), 1000)


def test_what_comes_from_another_host_is_fetched_once(tmp_path: Path) -> None:
    far = Far()
    fetched = Fetched(cast(Engine, far), tmp_path / "image.tar")
    assert b"".join(fetched.save("shop:1")) == archive()
    assert b"".join(fetched.save("shop:1")) == archive()
    assert far.asked == 1
    nowhere = Fetched(cast(Engine, far), tmp_path / "gone" / "image.tar")
    with pytest.raises(ImageError, match="cannot be kept on its way"):
        list(nowhere.save("shop:1"))


def test_how_much_a_layer_takes_is_told_by_the_archive() -> None:
    class Plain:
        def image(self, _ref: str) -> dict[str, object]:
            return {"RootFS": {"Layers": ["sha256:a", "sha256:b"]}}

        def save(self, _ref: str) -> Iterator[bytes]:
            file = io.BytesIO()
            manifest = b'[{"Layers": ["1/layer.tar", "2/layer.tar"]}]'
            with tarfile.open(fileobj=file, mode="w") as tar:
                for name, content in (
                    ("1/layer.tar", b"x" * 5000),
                    ("2/layer.tar", b"y" * 700),
                    ("manifest.json", manifest),
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
            yield file.getvalue()

    assert layers(Plain(), "shop:1").sizes == (5000, 700)
