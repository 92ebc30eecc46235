"""What of a build is sent, under which names; what is refused."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path

import pytest

from deployer.config.reading import made
from deployer.config.sections.site import Site
from deployer.errors import PreflightError
from deployer.site import files
from deployer.site.files import LocalFile, scan
from deployer.site.store import MULTIPART_ABOVE, PART


def md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "index.html").write_text("1")
    return folder


def site(**keys: object) -> Site:
    return made(Site, {"bucket": "shop-site", **keys})


def found(dist: Path, **keys: object) -> list[str]:
    return [file.path for file in scan(site(**keys), dist.parent).files]


def write(dist: Path, *paths: str) -> None:
    for path in paths:
        target = dist / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("1")


def test_hidden_files_and_what_is_ignored_stay_at_home(dist: Path) -> None:
    write(dist, ".env", ".git/config", ".well-known/x.txt", "a/b.js.map", "a/b.js", ".well-known/.deep/y")
    assert found(dist) == [".well-known/.deep/y", ".well-known/x.txt", "a/b.js", "index.html"]
    assert found(dist, hidden=[], ignore=["a/**"]) == ["index.html"]


def test_content_is_read_and_sorted_by_path(dist: Path) -> None:
    write(dist, "b.txt", "a/z.txt", "empty.txt")
    (dist / "empty.txt").write_bytes(b"")
    read = scan(site(), dist.parent).files
    assert [file.path for file in read] == sorted(file.path for file in read)
    sizes = {file.path: (file.size, file.md5) for file in read}
    assert sizes["empty.txt"] == (0, md5(b""))
    assert sizes["b.txt"] == (1, md5(b"1"))


def test_large_files_are_read_in_pieces(dist: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 7)
    (dist / "big.bin").write_bytes(content)
    big = next(file for file in scan(site(), dist.parent).files if file.path == "big.bin")
    assert (big.size, big.md5, big.etag) == (len(content), md5(content), "")


def test_a_file_in_parts_has_the_etag_that_s3_will_give_it(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MULTIPART_ABOVE > PART
    monkeypatch.setattr(files, "MULTIPART_ABOVE", 3 * 1024 * 1024)
    part = 2 * 1024 * 1024
    monkeypatch.setattr(files, "PART", part)
    content = os.urandom(5 * 1024 * 1024)
    (dist / "big.bin").write_bytes(content)
    big = next(file for file in scan(site(), dist.parent).files if file.path == "big.bin")
    pieces = [content[at : at + part] for at in range(0, len(content), part)]
    joined = b"".join(md5(piece) for piece in pieces)
    assert big.etag == f"{md5(joined).hex()}-3"


def test_names_are_nfc(dist: Path) -> None:
    write(dist, unicodedata.normalize("NFD", "자기소개서.txt"))
    assert "자기소개서.txt" in found(dist)


def test_two_files_that_are_one_to_nfc_are_refused(dist: Path) -> None:
    write(dist, unicodedata.normalize("NFD", "é.txt"), unicodedata.normalize("NFC", "é.txt"))
    with pytest.raises(PreflightError, match="cannot be deployed") as caught:
        found(dist)
    assert "two files" in caught.value.details[0]


def test_names_that_differ_in_case_only_are_said(dist: Path) -> None:
    write(dist, "Logo.svg", "logo.svg")
    assert "differ in case only" in scan(site(), dist.parent).doubts[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\nb.txt", "control characters"),
        ("\udcff.txt", "no UTF-8"),
        ("d/" * 120 + "가" * 80 + "/" + "나" * 80 + "/" + "다" * 80 + "/" + "라" * 80, "1024 bytes"),
    ],
)
def test_names_that_no_key_can_be_are_refused(dist: Path, name: str, said: str) -> None:
    write(dist, name)
    with pytest.raises(PreflightError) as caught:
        found(dist)
    assert said in caught.value.details[0]


def test_links_are_followed_inside_and_refused_outside(dist: Path, tmp_path: Path) -> None:
    write(dist, "a/b.txt")
    (dist / "again").symlink_to("a")
    (dist / "copy.txt").symlink_to("a/b.txt")
    assert found(dist) == ["a/b.txt", "again/b.txt", "copy.txt", "index.html"]
    (dist / "out").symlink_to(tmp_path)
    with pytest.raises(PreflightError, match="leads out of the build"):
        found(dist)
    assert "out" not in found(dist, ignore=["out"])
    (dist / "out").unlink()
    (dist / "nothing").symlink_to("nowhere")
    with pytest.raises(PreflightError, match="a link to nothing"):
        found(dist)


@pytest.mark.parametrize("target", [".", "..", "../a"])
def test_a_link_into_a_folder_that_it_lies_in_is_refused(dist: Path, target: str) -> None:
    write(dist, "a/b.txt")
    (dist / "a" / "loop").symlink_to(target)
    with pytest.raises(PreflightError, match=r"leads (back|out)"):
        found(dist)


def test_what_is_no_file_is_refused(dist: Path) -> None:
    os.mkfifo(dist / "pipe")
    with pytest.raises(PreflightError, match="is no file"):
        found(dist)


def test_redirects_are_small_pages(dist: Path) -> None:
    made = [
        file
        for file in scan(site(redirects={"/old": "/new?a=1&b=2", "/docs/": "/d"}), dist.parent).files
        if file.redirect
    ]
    assert [file.path for file in made] == ["docs/index.html", "old"]
    assert isinstance(made[1].source, bytes)
    assert b'content="0; url=/new?a=1&amp;b=2"' in made[1].source
    [written] = [
        file for file in scan(site(redirects={"/it%27s/%ED%95%9C": "/d"}), dist.parent).files if file.redirect
    ]
    assert written.path == "it's/한"
    with pytest.raises(PreflightError):
        scan(site(redirects={"/": "/new"}), dist.parent)


def test_a_build_that_is_missing_or_empty_or_has_no_page_is_refused(dist: Path, tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match=r"has no app\.html"):
        found(dist, index="app.html")
    (dist / "index.html").unlink()
    with pytest.raises(PreflightError, match="holds nothing"):
        found(dist)
    with pytest.raises(PreflightError, match="there is no folder"):
        found(tmp_path / "elsewhere" / "dist")


def test_a_file_that_goes_away_meanwhile_is_an_error_of_ours(dist: Path) -> None:
    with pytest.raises(PreflightError, match="cannot be read"):
        files.digest([LocalFile("gone.txt", str(dist / "gone.txt"), 1)])
