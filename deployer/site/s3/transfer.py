"""One file to one key: in one request, or in the SDK's parts where it is large."""

from __future__ import annotations

import threading
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.aws.account import Account
from deployer.errors import CloudError
from deployer.site.s3.address import Address
from deployer.site.s3.client import Client, Request, changed
from deployer.site.s3.connection import PIECE, FileBody, Sent
from deployer.site.s3.objects import request_headers
from deployer.site.store import MULTIPART_ABOVE, Upload

if TYPE_CHECKING:
    from deployer.site.s3.parts import Parts


class Transfer:
    """Thread-safe.

    :param account: for the SDK, which sends what is large.
    """

    def __init__(self, address: Address, account: Account) -> None:
        self._address = address
        self._account = account
        self._parts: Parts | None = None
        self._lock = threading.Lock()

    def send(self, client: Client, upload: Upload, sent: Sent | None) -> None:
        """Put the object.

        :raises CloudError: it is not there, or not as it was meant to be.
        """
        if upload.size > MULTIPART_ABOVE and isinstance(upload.source, Path):
            self._in_parts().send(upload, str(upload.source), client.halt, sent)
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
        client.send(what, request, sent)

    def _in_parts(self) -> Parts:
        from deployer.site.s3.parts import Parts

        with self._lock:
            self._parts = self._parts or Parts(self._address, self._account)
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
