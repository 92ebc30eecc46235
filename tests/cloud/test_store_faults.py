"""What networks and servers do to requests: the result is exact, or it is said that it is not."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.aws.session import ATTEMPTS
from deployer.config.sections.site import Site
from deployer.errors import CloudError, CloudUnreachable, Interrupted, Superseded
from deployer.interrupts import raising
from deployer.site.s3 import client, open_store
from deployer.site.s3.store import S3Store
from deployer.site.store import Headers, Upload
from tests.support.faults import Fault, FaultProxy
from tests.support.s3 import Server
from tests.support.scale import times

TEXT = Headers("text/plain; charset=utf-8", "max-age=1")


@pytest.fixture
def server(seaweed: Server) -> Server:
    return seaweed


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.endpoint) as started:
        yield started


@pytest.fixture
def bucket(server: Server) -> str:
    return server.bucket()


@pytest.fixture
def direct(server: Server, bucket: str) -> Iterator[S3Store]:
    """The store without anything in between."""
    with contextlib.closing(opened(server, bucket, server.endpoint)) as store:
        yield store


@pytest.fixture
def store(server: Server, bucket: str, proxy: FaultProxy, quick: None) -> Iterator[S3Store]:
    with contextlib.closing(opened(server, bucket, proxy.endpoint)) as store:
        yield store


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses as they are, but shorter."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.005)


def opened(server: Server, bucket: str, endpoint: str, **environ: str) -> S3Store:
    return open_store(Site(bucket=bucket, endpoint=endpoint), {**server.environ, **environ})


def upload(key: str, source: bytes | Path) -> Upload:
    content = source if isinstance(source, bytes) else source.read_bytes()
    return Upload(key, source, len(content), hashlib.md5(content, usedforsecurity=False).digest(), TEXT)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_each_operation_comes_through(
    fault: Fault, store: S3Store, direct: S3Store, proxy: FaultProxy, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 3000)
    told: list[int] = []
    proxy.next("PUT", fault, fault)
    store.upload([upload("a", b"1"), upload("large", large)], progress=lambda _, count: told.append(count))
    assert sum(told) == 1 + large.stat().st_size
    assert direct.read("a") == (b"1", hashlib.md5(b"1", usedforsecurity=False).hexdigest())
    assert (direct.read("large") or (b"",))[0] == large.read_bytes()
    for method in ("GET", "HEAD", "PUT", "POST"):
        proxy.next(method, fault)
    assert [listed.key for listed in store.listing("")] == ["a", "large"]
    found = store.head("a")
    assert found is not None
    assert (found.headers, found.size) == (TEXT, 1)
    store.copy("a", "b", TEXT)
    store.delete(["a", "large"])
    proxy.next("GET", fault)
    assert (store.read("b") or (b"",))[0] == b"1"
    assert [listed.key for listed in direct.listing("")] == ["b"]
    assert proxy.faults == [fault] * 7


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_a_swap_that_was_done_is_not_taken_for_somebody_elses(
    fault: Fault, store: S3Store, direct: S3Store, proxy: FaultProxy
) -> None:
    proxy.next("PUT", fault)
    first = store.write("current", b"mine", TEXT, if_absent=True)
    proxy.next("PUT", fault, fault)
    second = store.write("current", b"mine again", TEXT, if_match=first)
    assert direct.read("current") == (b"mine again", second)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_a_swap_that_somebody_else_won_is_said_to_be_lost(
    fault: Fault, store: S3Store, direct: S3Store, proxy: FaultProxy
) -> None:
    seen = store.write("current", b"0", TEXT)
    direct.write("current", b"theirs", TEXT)
    proxy.next("PUT", fault)
    with pytest.raises(Superseded):
        store.write("current", b"mine", TEXT, if_match=seen)
    assert (direct.read("current") or (b"",))[0] == b"theirs"


def test_many_files_through_a_bad_network(store: S3Store, direct: S3Store, proxy: FaultProxy) -> None:
    chance = random.Random(5)
    contents = {
        f"f{number:04}": chance.randbytes(chance.randrange(3000)) for number in range(times(200, 3000))
    }
    told: dict[str, int] = {}
    lock = threading.Lock()

    def tell(one: Upload, count: int) -> None:
        with lock:
            told[one.key] = told.get(one.key, 0) + count

    proxy.chance(0.2, seed=11)
    store.upload((upload(key, content) for key, content in contents.items()), progress=tell)
    listed = {each.key: each.etag for each in store.listing("", boundaries=sorted(contents))}
    expected = {
        key: hashlib.md5(content, usedforsecurity=False).hexdigest() for key, content in contents.items()
    }
    assert listed == expected == {each.key: each.etag for each in direct.listing("")}
    assert {key: told.get(key, 0) for key in contents} == {key: len(each) for key, each in contents.items()}
    store.delete(sorted(contents))
    assert direct.listing("") == []
    assert {*proxy.faults} == {*Fault}


def test_what_does_not_end_is_said_to_be_so(store: S3Store, proxy: FaultProxy) -> None:
    proxy.next("PUT", *[Fault.SLOW_DOWN] * ATTEMPTS)
    with pytest.raises(CloudUnreachable, match="SlowDown") as error:
        store.upload([upload("a", b"1")])
    assert error.value.remedy
    proxy.next("GET", *[Fault.RESET] * ATTEMPTS)
    with pytest.raises(CloudUnreachable, match="reset"):
        store.listing("")


def test_what_is_refused_is_not_asked_again(store: S3Store, proxy: FaultProxy) -> None:
    with pytest.raises(CloudError, match="TooLong"):
        store.upload([upload("x" * 1000, b"1")])
    assert len(proxy.requests) == 1


def test_connections_that_were_closed_meanwhile_cost_no_try(store: S3Store, proxy: FaultProxy) -> None:
    for number in range(3 * ATTEMPTS):
        proxy.next("PUT", Fault.GONE_IDLE)
        store.upload([upload(f"f{number}", b"1")])
    assert len(proxy.requests) == 3 * ATTEMPTS


def test_a_token_is_sent_and_signed(server: Server, bucket: str, proxy: FaultProxy) -> None:
    environ = {"AWS_SESSION_TOKEN": "lent/for=now"}
    with (
        contextlib.closing(opened(server, bucket, proxy.endpoint, **environ)) as store,
        contextlib.suppress(CloudError),
    ):
        store.read("a")
    headers = proxy.requests[0][2]
    assert headers["x-amz-security-token"] == "lent/for=now"
    assert "x-amz-security-token" in headers["authorization"]


def test_an_interrupt_ends_an_upload_at_once_and_other_requests_go_on(
    store: S3Store, proxy: FaultProxy
) -> None:
    proxy.delay = 5.0
    uploads = iter([upload("a", b"1"), upload("b", b"2")])

    def items() -> Iterator[Upload]:
        yield from uploads
        os.kill(os.getpid(), signal.SIGTERM)

    with raising(), pytest.raises(Interrupted):
        store.upload(items())
    proxy.delay = 0.0
    store.write("c", b"3", TEXT)
    assert store.read("c") is not None


def test_tls_is_checked_and_used(server: Server, bucket: str, tmp_path: Path, quick: None) -> None:
    certificate = tmp_path / "proxy.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"]
    key = tmp_path / "key.pem"
    subprocess.run([*made, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    large = tmp_path / "large"
    large.write_bytes(b"0123456789abcdef" * 60_000)
    with FaultProxy(server.endpoint, certificate=both) as proxy:
        trusting = opened(server, bucket, proxy.endpoint, AWS_CA_BUNDLE=str(certificate))
        with contextlib.closing(trusting) as store:
            proxy.next("PUT", Fault.DONE_AND_RESET, Fault.GONE_IDLE)
            store.upload([upload("a", b"1"), upload("large", large)])
            assert (store.read("large") or (b"",))[0] == large.read_bytes()
            assert [listed.key for listed in store.listing("")] == ["a", "large"]
        digests = {
            headers["x-amz-content-sha256"] for method, _, headers in proxy.requests if method == "PUT"
        }
        assert digests == {"UNSIGNED-PAYLOAD"}  # over TLS the signed Content-MD5 says what the content is
        careful = opened(server, bucket, proxy.endpoint)
        with contextlib.closing(careful), pytest.raises(CloudUnreachable, match="certificate"):
            careful.listing("")
