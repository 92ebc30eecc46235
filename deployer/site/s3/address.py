"""Where a bucket is: addresses of AWS and of others, and how a key becomes a path."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from msgspec import Struct

from deployer.errors import ConfigError

DEFAULT_REGION = "us-east-1"
"""What others than AWS are told, who do not care."""
SAFE = "/~"
"""What S3's signatures leave as it is, beside letters, digits, '-', '.' and '_'."""


class Address(Struct, frozen=True):
    """A bucket's.

    :param base: what stands before a key's path: `/bucket` where the bucket is not part of the host's name.
    """

    secure: bool
    host: str
    port: int
    base: str
    region: str
    bucket: str

    @property
    def authority(self) -> str:
        """For the header Host, which is signed as it is sent."""
        return self.host if self.port == (443 if self.secure else 80) else f"{self.host}:{self.port}"

    @property
    def root(self) -> str:
        """The path of the bucket itself."""
        return self.base or "/"

    def path(self, key: str) -> str:
        """The path of an object, encoded as it is signed and sent."""
        return f"{self.base}/{quote(key, safe=SAFE)}"

    def __str__(self) -> str:
        return f"bucket {self.bucket} at {self.authority}"


def address(bucket: str, *, region: str = "", endpoint: str = "") -> Address:
    """The address of a bucket.

    :param endpoint: of a store that is not AWS's, `http://host:port`; there the bucket is part of the path.
    :raises ConfigError: the endpoint is no address, or AWS's region is not said.
    """
    if endpoint:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"site.endpoint: '{endpoint}' is no address such as http://127.0.0.1:8333")
        secure = parts.scheme == "https"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or (443 if secure else 80)
        base = f"{parts.path.rstrip('/')}/{quote(bucket, safe='')}"
        return Address(secure, host, port, base, region or DEFAULT_REGION, bucket)
    if not region:
        raise ConfigError(
            "site.region: no region is said", remedy="set site.region to the bucket's, or AWS_REGION"
        )
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    if "." in bucket:  # a certificate's wildcard stands for one label
        return Address(True, f"s3.{region}.{domain}", 443, f"/{bucket}", region, bucket)
    return Address(True, f"{bucket}.s3.{region}.{domain}", 443, "", region, bucket)


def endpoint(said: str, environ: Mapping[str, str]) -> str:
    """The endpoint of the config, else that of AWS's tools; empty for AWS's own."""
    return said or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
