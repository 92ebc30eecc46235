"""One file to one key: in one request, or in the SDK's parts where it is large."""

from __future__ import annotations

import threading
from base64 import b64encode
from pathlib import Path
from typing import Any

from deployer.aws.session import Account, client, mapped
from deployer.errors import CloudError
from deployer.site.s3.address import Address
from deployer.site.s3.client import Client, Request, changed
from deployer.site.s3.connection import PIECE, FileBody, Sent
from deployer.site.s3.objects import request_headers
from deployer.site.store import MULTIPART_ABOVE, PART, Headers, Upload

AT_ONCE = 4
"""Parts of a large file that are sent at the same time, beside whatever else is."""


class Transfer:
    """Thread-safe.

    :param account: for the SDK, which sends what is large.
    """

    def __init__(self, address: Address, account: Account) -> None:
        self._address = address
        self._account = account
        self._parts: Any = None
        self._one_large = threading.Lock()

    def send(self, sender: Client, upload: Upload, sent: Sent | None) -> None:
        """Put the object.

        :raises CloudError: it is not there, or not as it was meant to be.
        """
        if upload.size > MULTIPART_ABOVE and isinstance(upload.source, Path):
            with self._one_large:  # its parts fill the line, and memory is bounded
                self._send_parts(sender, upload, upload.source, sent)
            return
        headers = request_headers(upload.headers)
        headers["content-md5"] = b64encode(upload.md5).decode("ascii")
        what = f"writing {upload.key}"
        request = Request(
            "PUT",
            self._address.path(upload.key),
            headers=headers,
            body=_body(upload, what),
            etag=upload.md5.hex(),
        )
        sender.send(what, request, sent)

    def _send_parts(self, sender: Client, upload: Upload, source: Path, sent: Sent | None) -> None:
        what = f"writing {upload.key} in parts ({self._address})"
        before = source.stat()

        def told(count: int) -> None:
            sender.halt.check()  # raised here, it ends the transfer, and what was sent of it is thrown away
            if sent is not None:
                sent(count)

        with mapped(what):
            from boto3.s3.transfer import TransferConfig

            parts = self._client()
            settings = TransferConfig(
                multipart_threshold=MULTIPART_ABOVE,
                multipart_chunksize=PART,
                max_concurrency=AT_ONCE,
                preferred_transfer_client="classic",
            )
            parts.upload_file(
                str(source),
                self._address.bucket,
                upload.key,
                ExtraArgs=_arguments(upload.headers),
                Callback=told,
                Config=settings,
            )
            there = parts.head_object(Bucket=self._address.bucket, Key=upload.key)
        after = source.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise changed(what, str(source))
        etag = str(there["ETag"]).strip('"')
        if there["ContentLength"] != upload.size or (
            upload.etag and _comparable(etag) and etag != upload.etag
        ):
            raise CloudError(f"{what}: what is stored there now is not what was sent")

    def _client(self) -> Any:
        if self._parts is None:
            style = "path" if self._address.base else "virtual"
            self._parts = client("s3", self._account, s3={"addressing_style": style})
        return self._parts


def _body(upload: Upload, what: str) -> bytes | FileBody:
    if isinstance(upload.source, bytes):
        return upload.source
    if upload.size > PIECE:
        return FileBody(upload.source, upload.size)
    try:
        content = upload.source.read_bytes()
    except OSError as error:
        raise CloudError(f"{what}: {upload.source} cannot be read ({error.strerror})") from error
    if len(content) != upload.size:
        raise changed(what, str(upload.source))
    return content


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


def _comparable(etag: str) -> bool:
    """It is made of the parts' MD5s, as S3 makes it where it does not encrypt with a key of one's own."""
    digest, _, count = etag.partition("-")
    return len(digest) == 32 and count.isdigit()
