"""Large files and many files: exact, and in memory that does not grow with them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer.config.sections.site import Site
from deployer.errors import CloudError, Interrupted
from deployer.interrupts import raising
from deployer.site.files import LocalFile, digest
from deployer.site.s3 import open_store, unfinished
from deployer.site.s3.store import S3Store
from deployer.site.store import MULTIPART_ABOVE, Headers, Upload
from tests.support.faults import Fault, FaultProxy
from tests.support.images import ROOT
from tests.support.s3 import Server
from tests.support.scale import times

FILM = Headers("video/mp4", "max-age=1", redirect="/film", metadata=(("a", "b c"),))
SIZE = MULTIPART_ABOVE + 5_000_001

# Sends a folder as a deploy does, and says how much memory that took beyond what its imports did.
SENDER = """
import json, resource, sys
from pathlib import Path
from deployer.config.sections.site import Site
from deployer.site.files import LocalFile, digest
from deployer.site.s3 import open_store
from deployer.site.store import Headers, Upload
import boto3.s3.transfer, botocore.session

folder, bucket, endpoint = sys.argv[1:]
store = open_store(Site(bucket=bucket, endpoint=endpoint), __import__("os").environ)
files = [LocalFile(path.name, str(path), path.stat().st_size) for path in sorted(Path(folder).iterdir())]
digest(files)
uploads = [Upload(f.path, Path(f.source), f.size, f.md5, Headers("video/mp4"), f.etag) for f in files]
store.upload(uploads[:1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.upload(uploads)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"before": before / 1024, "after": after / 1024}))
"""


@pytest.fixture(params=["seaweed", "moto"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is sent in parts; no two pieces of it are the same."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write(path, SIZE)
    return path


def write(path: Path, size: int) -> None:
    block = os.urandom(1024**2)
    with path.open("wb") as file:
        for number in range(0, size, len(block)):
            piece = number.to_bytes(8, "big") + block[8:]
            file.write(piece[: size - number])


def upload(path: Path, headers: Headers = FILM) -> Upload:
    file = LocalFile(path.name, str(path), path.stat().st_size)
    digest([file])
    return Upload(f"films/{path.name}", path, file.size, file.md5, headers, file.etag)


def opened(server: Server, bucket: str) -> S3Store:
    return open_store(Site(bucket=bucket, endpoint=server.endpoint), server.environ)


def content(server: Server, bucket: str, key: str) -> str:
    """The MD5 of an object, as the SDK reads it."""
    found = hashlib.md5(usedforsecurity=False)
    for piece in server.client().get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1024**2):
        found.update(piece)
    return found.hexdigest()


def test_a_large_file_is_sent_in_parts_and_is_what_it_was(server: Server, film: Path) -> None:
    bucket = server.bucket()
    planned = upload(film)
    told: list[int] = []
    with contextlib.closing(opened(server, bucket)) as store:
        store.upload([planned], progress=lambda _, count: told.append(count))
        assert sum(told) == SIZE
        found = store.head(planned.key)
        assert found is not None
        assert (found.size, found.etag) == (SIZE, planned.etag)
        assert (found.headers.cache_control, found.headers.metadata) == (FILM.cache_control, FILM.metadata)
        assert content(server, bucket, planned.key) == planned.md5.hex()


def test_a_large_file_comes_through_a_bad_network(seaweed: Server, film: Path) -> None:
    bucket, planned = seaweed.bucket(), upload(film)
    told: list[int] = []
    with FaultProxy(seaweed.endpoint) as proxy:
        proxy.next("POST", Fault.SLOW_DOWN, path="?uploads")
        proxy.next("PUT", Fault.RESET, Fault.DONE_AND_500, Fault.TRUNCATED, Fault.GATEWAY)
        proxy.next("POST", Fault.DONE_AND_RESET, path="uploadId=")
        through = open_store(Site(bucket=bucket, endpoint=proxy.endpoint), seaweed.environ)
        with contextlib.closing(through) as store:
            store.upload([planned], progress=lambda _, count: told.append(count))
            found = store.head(planned.key)
        assert len(proxy.faults) == 6
    assert found is not None
    assert found.etag == planned.etag
    assert sum(told) == SIZE
    assert content(seaweed, bucket, planned.key) == planned.md5.hex()


def test_a_large_file_that_changes_replaces_nothing(seaweed: Server, film: Path) -> None:
    bucket, planned = seaweed.bucket(), upload(film)
    with film.open("r+b") as file:
        file.write(b"other")
    try:
        store = opened(seaweed, bucket)
        with contextlib.closing(store), pytest.raises(CloudError, match="changed while it was sent"):
            store.upload([planned])
    finally:
        write(film, SIZE)
    assert_nothing_is_left(seaweed, bucket)


def test_an_interrupt_ends_a_large_upload_and_leaves_no_parts(seaweed: Server, film: Path) -> None:
    bucket = seaweed.bucket()
    begun = threading.Event()

    def interrupt() -> None:
        begun.wait()
        os.kill(os.getpid(), 15)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with contextlib.closing(opened(seaweed, bucket)) as store, raising(), pytest.raises(Interrupted):
        store.upload([upload(film)], progress=lambda *_: begun.set())
    thread.join()
    assert_nothing_is_left(seaweed, bucket)


def assert_nothing_is_left(server: Server, bucket: str) -> None:
    client = server.client()
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_is_left_of_a_killed_upload_goes_a_day_later(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, client = server.bucket(), server.client()
    for key in ("films/가 +.mp4", "films/b", "other/c"):
        made = client.create_multipart_upload(Bucket=bucket, Key=key)
        where = {"Bucket": bucket, "Key": key, "UploadId": made["UploadId"]}
        client.upload_part(**where, PartNumber=1, Body=b"1")
    with contextlib.closing(opened(server, bucket)) as store:
        if server.name == "seaweedfs":  # moto says of every upload that it began in 2010
            assert store.sweep("films/") == 0
        monkeypatch.setattr(unfinished, "AGE", timedelta(seconds=-60))
        assert store.sweep("films/") == 2
        assert [each["Key"] for each in client.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [
            "other/c"
        ]


def sent(folder: Path, server: Server) -> dict[str, Any]:
    """What SENDER says of a folder; it is then in a new bucket."""
    bucket = server.bucket()
    done = subprocess.run(
        [sys.executable, "-c", SENDER, folder, bucket, server.endpoint],
        env={**os.environ, **server.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "objects": server.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)}


def test_memory_does_not_grow_with_a_file(seaweed: Server, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    write(tmp_path / "film", times(SIZE, 2 * 1024**3))
    done = sent(tmp_path, seaweed)
    assert done["after"] - done["before"] < 40, done  # MiB; most of it is the SDK's client
    sizes = {each["Key"]: each["Size"] for page in done["objects"] for each in page["Contents"]}
    assert sizes == {"a": 1, "film": (tmp_path / "film").stat().st_size}


def test_memory_does_not_grow_with_the_number_of_files(seaweed: Server, tmp_path: Path) -> None:
    count = times(400, 10_000)
    for number in range(count):
        (tmp_path / f"{number:05}.js").write_bytes(os.urandom(64) * 3000)
    done = sent(tmp_path, seaweed)
    assert done["after"] - done["before"] < 64, done  # MiB: as many pieces as there are connections
    assert sum(len(page["Contents"]) for page in done["objects"]) == count
