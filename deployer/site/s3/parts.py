"""A large file, sent in parts by the SDK.

What is ours is only what its own transfers do not do: to end at once when the command is interrupted,
leaving no parts behind that somebody pays for, and to have each part checked by its MD5 at the other side.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from deployer.aws.account import Account
from deployer.aws.session import client, mapped
from deployer.errors import CloudError
from deployer.site.s3.address import Address
from deployer.site.s3.client import changed
from deployer.site.s3.connection import PIECE, Sent
from deployer.site.s3.halt import Halt
from deployer.site.s3.objects import request_headers
from deployer.site.s3.workers import each
from deployer.site.store import PART, Headers, Upload

AT_ONCE = 4
"""Parts that are sent at the same time, beside whatever else is."""
MOST = 10_000
"""Parts of an object: S3's own limit."""


class Parts:
    """Thread-safe; one file at a time, for its parts fill the line."""

    def __init__(self, address: Address, account: Account) -> None:
        self._address = address
        self._account = account
        self._sdk: Any = None
        self._one = threading.Lock()

    def send(self, upload: Upload, path: str, halt: Halt, sent: Sent | None) -> None:
        """Put the object.

        :raises CloudError: it is not there, or not as it was meant to be.
        """
        what = f"writing {upload.key} in parts ({self._address})"
        with self._one, mapped(what), _reading(path, what) as descriptor:
            sdk = self._client()
            where = {"Bucket": self._address.bucket, "Key": upload.key}
            made = sdk.create_multipart_upload(**where, **_arguments(upload.headers))
            where["UploadId"] = made["UploadId"]
            try:
                parts = _sent(sdk, where, descriptor, upload.size, halt, sent)
                etag = _etag(parts)
                if os.fstat(descriptor).st_size != upload.size or etag != (upload.etag or etag):
                    raise changed(what, path)
                there = _complete(sdk, where, parts, etag)
            except BaseException:
                with contextlib.suppress(CloudError), mapped(what):
                    sdk.abort_multipart_upload(**where)
                raise
            if not _agrees(there, etag):
                raise CloudError(f"{what}: what is stored there now is not what was sent")

    def _client(self) -> Any:
        if self._sdk is None:
            style = "path" if self._address.base else "virtual"
            # The MD5 of each part is among what is signed, so that its content needs no further hash.
            settings = {"addressing_style": style, "payload_signing_enabled": False}
            self._sdk = client(
                "s3",
                self._account,
                s3=settings,
                max_pool_connections=AT_ONCE,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
        return self._sdk


class _Part(Struct, frozen=True):
    """One that is there."""

    number: int
    md5: bytes
    etag: str


def _sent(
    sdk: Any, where: dict[str, Any], descriptor: int, size: int, halt: Halt, sent: Sent | None
) -> list[_Part]:
    """All parts of a file, sent and in order."""
    length = max(PART, -(-size // MOST))
    parts: dict[int, _Part] = {}

    def send(start: int) -> None:
        body = _Body(descriptor, start, min(length, size - start), halt, sent)
        md5 = body.md5()
        number = start // length + 1
        answer = sdk.upload_part(
            **where,
            PartNumber=number,
            Body=body,
            ContentLength=body.size,
            ContentMD5=b64encode(md5).decode("ascii"),
        )
        parts[number] = _Part(number, md5, answer["ETag"])

    each(send, range(0, size, length), at_once=AT_ONCE, hang_up=halt.call)
    return [parts[number] for number in sorted(parts)]


def _complete(sdk: Any, where: dict[str, Any], parts: Sequence[_Part], etag: str) -> str:
    """The etag of the object that the parts have become."""
    named = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
    try:
        there = sdk.complete_multipart_upload(**where, MultipartUpload={"Parts": named})
    except sdk.exceptions.NoSuchUpload:
        # Done before, and the answer was lost: then the object is there.
        there = sdk.head_object(Bucket=where["Bucket"], Key=where["Key"])
        if str(there["ETag"]).strip('"') != etag:
            raise
    return str(there["ETag"]).strip('"')


class _Body(io.RawIOBase):
    """A piece of a file, read as it is sent.

    Reading raises Stopped when the command is interrupted. What is sent again is told of as not sent.
    """

    def __init__(self, descriptor: int, start: int, size: int, halt: Halt, sent: Sent | None) -> None:
        self.size = size
        self._descriptor = descriptor
        self._start = start
        self._at = 0
        self._halt = halt
        self._told = sent

    def md5(self) -> bytes:
        """Of what it holds now."""
        found = hashlib.md5(usedforsecurity=False)
        for at in range(0, self.size, PIECE):
            found.update(os.pread(self._descriptor, min(PIECE, self.size - at), self._start + at))
        return found.digest()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._halt.check()
        room = memoryview(buffer)[: self.size - self._at]
        count = os.preadv(self._descriptor, [room], self._start + self._at) if room else 0
        self._move(self._at + count)
        return count

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._move(base + offset)
        return self._at

    def _move(self, to: int) -> None:
        count, self._at = to - self._at, to
        if count and self._told is not None:
            self._told(count)


@contextlib.contextmanager
def _reading(path: str, what: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise CloudError(f"{what}: {path} cannot be read ({error.strerror})") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _arguments(headers: Headers) -> dict[str, Any]:
    """As the SDK takes headers."""
    request_headers(headers)  # refuses what HTTP cannot carry
    arguments: dict[str, Any] = {
        "ContentType": headers.content_type,
        "CacheControl": headers.cache_control,
        "ContentEncoding": headers.content_encoding,
        "WebsiteRedirectLocation": headers.redirect,
        "Metadata": dict(headers.metadata),
    }
    return {name: value for name, value in arguments.items() if value}


def _etag(parts: Sequence[_Part]) -> str:
    """As S3 makes it: the MD5 of the parts' MD5s, and their number."""
    joined = hashlib.md5(b"".join(part.md5 for part in parts), usedforsecurity=False).hexdigest()
    return f"{joined}-{len(parts)}"


def _agrees(said: str, etag: str) -> bool:
    """Whether an object's etag is what it must be, where it is made of MD5s at all."""
    digest, _, count = said.partition("-")
    return said == etag or len(digest) != 32 or not count.isdigit()
