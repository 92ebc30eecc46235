"""The store keeps its promises on real servers: SeaweedFS, and moto, which plays AWS."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from deployer.aws.account import Account, Credentials
from deployer.config.sections.site import Site
from deployer.errors import BucketMissing, CloudError, CloudUnreachable, CredentialsMissing, Superseded
from deployer.site.s3 import listing, open_store
from deployer.site.s3.address import address
from deployer.site.s3.client import Client
from deployer.site.s3.signing import Signer
from deployer.site.s3.store import S3Store
from deployer.site.store import Headers, Upload
from tests.support.names import free_port
from tests.support.s3 import Server

Clock = Callable[[], float]

JSON = Headers("application/json")
PAGE = Headers(
    "text/html; charset=utf-8",
    "no-cache",
    redirect="/new/?a=b",
    metadata=(("b", "two  spaces"), ("release", "r1+x=y")),
)
ODD = (
    "a b.txt",
    "a-b/x.js",
    "a.b/y.js",
    "a/x.js",
    "가나다/라마 바.html",
    "日本語/😀.txt",
    "a+b%20c#d?e&f=g;h,i.txt",
    "~x'()*!@$.txt",
    "<&>\"'.xml",
    "/".join(["x" * 200] * 5),
    "tab\t",
    "empty",
)


@pytest.fixture(params=["seaweed", "moto"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def bucket(server: Server) -> str:
    return server.bucket()


@pytest.fixture
def store(server: Server, bucket: str) -> Iterator[S3Store]:
    with contextlib.closing(opened(server, bucket)) as store:
        yield store


def opened(server: Server, bucket: str, **site: object) -> S3Store:
    return open_store(Site(bucket=bucket, endpoint=server.endpoint, **site), server.environ)  # type: ignore[arg-type]


def md5(content: bytes) -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)


def upload(key: str, content: bytes, headers: Headers = PAGE) -> Upload:
    return Upload(key, content, len(content), md5(content).digest(), headers)


def kept(server: Server, headers: Headers) -> Headers:
    """What a server keeps of headers: SeaweedFS forgets redirects."""
    return headers if server.name == "moto" else replace(headers, redirect="")


def as_user(
    access_key: str, secret_key: str, server: Server, bucket: str, clock: Clock = time.time
) -> S3Store:
    """A store with keys and a clock of one's own."""
    at = address(bucket, endpoint=server.endpoint)
    given = Credentials(access_key, secret_key)
    return S3Store(Client(at, lambda: given, signer=Signer(at.region, clock)), Account())


def keys(store: S3Store, prefix: str = "", boundaries: Sequence[str] = ()) -> list[str]:
    return [listed.key for listed in store.listing(prefix, boundaries=boundaries)]


def test_what_is_sent_is_there_with_its_headers(store: S3Store, server: Server, bucket: str) -> None:
    store.upload(upload(key, b"" if key == "empty" else key.encode()) for key in ODD)
    theirs = server.client()
    for key in ODD:
        content = b"" if key == "empty" else key.encode()
        found = store.head(key)
        assert found is not None
        etag = md5(content).hexdigest()
        assert (found.headers, found.size, found.etag) == (kept(server, PAGE), len(content), etag)
        assert store.read(key) == (content, found.etag)
        there = theirs.get_object(Bucket=bucket, Key=key)
        assert there["Body"].read() == content
        assert there["ContentType"] == PAGE.content_type
        assert there["Metadata"] == {"b": "two  spaces", "release": "r1+x=y"}
    assert keys(store) == sorted(ODD)


def test_what_is_not_there_is_none(store: S3Store) -> None:
    assert store.head("nothing") is None
    assert store.read("no/thing") is None
    assert keys(store) == []


def test_a_copy_has_headers_of_its_own(store: S3Store, server: Server) -> None:
    store.upload([upload("가 +%.html", b"<p>")])
    other = Headers("text/plain; charset=utf-8", "max-age=1", metadata=(("a", "1"),))
    store.copy("가 +%.html", "kept/나 +%.html", other)
    found = store.head("kept/나 +%.html")
    assert found is not None
    assert (found.headers, found.size) == (other, 3)
    store.copy("kept/나 +%.html", "kept/나 +%.html", PAGE)  # onto itself: other headers
    found = store.head("kept/나 +%.html")
    assert found is not None
    assert found.headers == kept(server, PAGE)


def test_copying_what_is_not_there_is_an_error(store: S3Store) -> None:
    with pytest.raises(CloudError, match="copying a to b"):
        store.copy("a", "b", JSON)


def test_deleted_is_deleted_and_what_was_not_there_is_no_error(store: S3Store) -> None:
    store.upload(upload(key, b"1") for key in [*ODD, "stays"])
    store.delete([*ODD, "never/was"])
    assert keys(store) == ["stays"]
    store.delete([])


def test_of_many_who_swap_one_wins(store: S3Store, server: Server) -> None:
    first = store.write("current", b"0", JSON, if_absent=True)
    with pytest.raises(Superseded, match="current"):
        store.write("current", b"x", JSON, if_absent=True)
    won, lost = [], []

    def swap(number: int) -> None:
        try:
            won.append(store.write("current", b"%d" % number, JSON, if_match=first))
        except Superseded:
            lost.append(number)

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(1, 9)]
    at_once = server.name != "moto"  # which looks and then writes, with no lock about both
    for thread in threads:
        thread.start()
        if not at_once:
            thread.join()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    current = store.read("current")
    assert current is not None
    assert (md5(current[0]).hexdigest(), current[1]) == (won[0], won[0])
    assert store.write("current", b"9", JSON, if_match=won[0]) == md5(b"9").hexdigest()
    with pytest.raises(Superseded):
        store.write("gone", b"9", JSON, if_match=won[0])


def test_listings_below_a_prefix_are_the_same_with_and_without_starts(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 20)
    monkeypatch.setattr(listing, "STRETCH", 18)
    names = [f"p/{folder}/{number:04}.js" for folder in ("a", "a-b", "a.b") for number in range(80)]
    store.upload(upload(name, b"1", JSON) for name in [*names, "p", "q/x"])
    whole = keys(store, "p/")
    assert whole == sorted(names)
    assert keys(store, "p/", whole) == whole
    store.delete(whole[85:175])
    assert keys(store, "p/", whole) == whole[:85] + whole[175:]


def test_progress_is_told_and_adds_up(store: S3Store, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 4096)  # a megabyte: in several pieces
    content = path.read_bytes()
    uploads = [
        Upload("large.bin", path, len(content), md5(content).digest(), JSON),
        upload("small", b"12345"),
    ]
    told: list[tuple[str, int]] = []
    store.upload(uploads, progress=lambda upload, count: told.append((upload.key, count)))
    assert sum(count for key, count in told if key == "large.bin") == len(content)
    assert len(told) > 3
    assert store.read("large.bin") == (content, md5(content).hexdigest())


@pytest.mark.parametrize("change", ["content", "shorter", "longer"])
def test_a_file_that_changes_is_not_stored_as_if_it_had_not(
    change: str, server: Server, store: S3Store, tmp_path: Path
) -> None:
    path = tmp_path / "index.js"
    path.write_bytes(b"x" * 1000)
    planned = Upload("index.js", path, 1000, md5(b"x" * 1000).digest(), JSON)
    path.write_bytes({"content": b"y" * 1000, "shorter": b"x", "longer": b"x" * 1001}[change])
    with pytest.raises(CloudError, match="changed while it was sent"):
        store.upload([planned])
    if server.name != "moto" or change != "content":  # moto stores it and looks at no MD5
        assert store.head("index.js") is None


def test_a_file_that_is_gone_is_said_to_be(store: S3Store, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="cannot be read"):
        store.upload([Upload("a", tmp_path / "a", 1, b"1" * 16, JSON)])


def test_a_bucket_that_is_not_there(server: Server) -> None:
    with contextlib.closing(opened(server, "no-such-bucket")) as store:
        with pytest.raises(BucketMissing, match="no such bucket"):
            store.listing("")
        with pytest.raises(BucketMissing):
            store.read("a")
        with pytest.raises(BucketMissing):
            store.upload([upload("a", b"1")])


def test_wrong_keys_are_said_to_be_wrong_and_not_shown(seaweed: Server) -> None:
    bucket = seaweed.bucket()
    for name in ("nobody", seaweed.access_key):
        store = as_user(name, "pa55word", seaweed, bucket)
        with contextlib.closing(store), pytest.raises(CredentialsMissing) as refused:
            store.listing("")
        assert "pa55word" not in str(refused.value.as_dict())


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.site.s3.client.FIRST_PAUSE", 0.001)
    at = address("a", endpoint=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(CloudUnreachable, match="refused") as error:
        S3Store(Client(at, lambda: Credentials("a", "b")), Account()).listing("")
    assert error.value.exit_status == 11


def test_a_clock_that_is_wrong_is_set_by_the_servers(seaweed: Server) -> None:
    bucket = seaweed.bucket()
    for clock in (lambda: time.time() - 30 * 3600, lambda: time.time() + 5 * 3600):
        store = as_user(seaweed.access_key, seaweed.secret_key, seaweed, bucket, clock)
        with contextlib.closing(store):
            store.head("a")  # whose refusal has no body to say why
            store.upload([upload("a", b"1")])
            assert keys(store) == ["a"]
