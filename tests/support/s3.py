"""Servers that speak S3: SeaweedFS, a real one that keeps what it is given, and moto, which plays AWS.

    with seaweedfs() as server:      # or moto()
        bucket = server.bucket()
        server.client().put_object(Bucket=bucket, Key="a", Body=b"1")

Both end with the test session. What each of them is true to is written in docs/decisions/0013-s3-client.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.support.bound import BOUND
from tests.support.names import abandoned, free_port, service_name
from tests.support.waiting import until

REGION = "us-east-1"
ONE_VOLUME = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
"""SeaweedFS would make seven files for each new bucket, before it takes the first object."""


@dataclass
class Server:
    """
    :param name: seaweedfs or moto.
    :param endpoint: its address, as config.yaml's `site.endpoint` takes it.
    """

    name: str
    endpoint: str
    access_key: str = "test-access"
    secret_key: str = field(default="test-secret/+=", repr=False)

    @property
    def environ(self) -> dict[str, str]:
        """What makes a command use this server's credentials, and nobody else's."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str = "s3") -> Any:
        """AWS's own SDK on this server: the second opinion on what is there."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"test-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name


@contextlib.contextmanager
def seaweedfs(folder: Path | None = None, *, public: bool = False) -> Iterator[Server]:
    """A SeaweedFS with a folder of its own, empty unless one is given that another kept its data in.

    :param public: anybody may read objects, as an edge does that has no keys.
    """
    for left in Path(tempfile.gettempdir()).glob("t*-seaweedfs"):
        if abandoned(left.name):
            shutil.rmtree(left, ignore_errors=True)
    own = folder or Path(tempfile.gettempdir()) / f"{service_name()}-seaweedfs"
    own.mkdir(mode=0o700, exist_ok=True)
    master, volume, filer, s3 = (free_port() for _ in range(4))
    server = Server("seaweedfs", f"http://127.0.0.1:{s3}")
    identity = {
        "name": "test",
        "credentials": [{"accessKey": server.access_key, "secretKey": server.secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    identities = [identity, {"name": "anonymous", "actions": ["Read"]}] if public else [identity]
    (own / "identities.json").write_text(json.dumps({"identities": identities}))
    weed = Path(sys.executable).with_name("weed")
    command: list[str | Path] = [
        weed,
        "server",
        f"-dir={own}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-master.port.grpc={free_port()}",
        "-master.telemetry=false",
        "-master.volumePreallocate=false",
        "-master.volumeSizeLimitMB=512",
        f"-volume.port={volume}",
        f"-volume.port.grpc={free_port()}",
        "-volume.max=1000",
        "-filer",
        f"-filer.port={filer}",
        f"-filer.port.grpc={free_port()}",
        f"-filer.localSocket={own}/filer.sock",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.port.grpc={free_port()}",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={own}/s3.sock",
        f"-s3.config={own}/identities.json",
    ]
    try:
        with _running(command, own / "log", server, f"http://127.0.0.1:{s3}/status"):
            # The gateway answers before a volume server has said that it is there.
            until(lambda: _takes_objects(server), f"SeaweedFS stores; its log: {own}/log")
            yield server
    finally:
        if folder is None:
            shutil.rmtree(own, ignore_errors=True)


@contextlib.contextmanager
def moto() -> Iterator[Server]:
    """moto's server: S3, CloudFront and others, in memory; it believes every signature."""
    port = free_port()
    server = Server("moto", f"http://127.0.0.1:{port}")
    command: list[str | Path] = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    health = f"{server.endpoint}/moto-api/data.json"
    with (
        tempfile.TemporaryDirectory(prefix="deployer-moto-") as folder,
        _running(command, Path(folder) / "log", server, health),
    ):
        yield server


@contextlib.contextmanager
def _running(command: Sequence[str | Path], log: Path, server: Server, health: str) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*BOUND, *command],
            env=os.environ | server.environ | ONE_VOLUME,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def answers() -> bool:
        assert process.poll() is None, f"{command[0]} ended: {log.read_text()[-3000:]}"
        try:
            with urlopen(health, timeout=5):  # noqa: S310  (an address of our own)
                return True
        except HTTPError as error:
            error.close()
            return False
        except (URLError, OSError):
            return False

    try:
        until(answers, f"{health} answers; its log: {log}")
        yield
    finally:
        process.kill()
        process.wait()


def _takes_objects(server: Server) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    client = server.client()
    try:
        client.create_bucket(Bucket="ready")
        client.put_object(Bucket="ready", Key="ready", Body=b"1")
        client.delete_object(Bucket="ready", Key="ready")
        client.delete_bucket(Bucket="ready")
    except (BotoCoreError, ClientError):
        return False
    return True
