"""The bucket, as a release of the site sees it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import quote

from deployer.aws.account import Account
from deployer.errors import CloudError, Superseded
from deployer.site.s3 import listing, objects
from deployer.site.s3.client import Client, Request
from deployer.site.s3.halt import Halt
from deployer.site.s3.transfer import Transfer
from deployer.site.s3.workers import each
from deployer.site.store import Found, Headers, Listed, Progress, Upload

AT_ONCE = 64
"""Requests at the same time. S3 takes 3,500 writes a second and more; with 30 ms each, 64 make 2,000."""
DELETED_AT_ONCE = 1000
"""Keys in a request: S3's own limit."""

T = TypeVar("T")


class S3Store:
    """`deployer.site.store.Store` on a bucket.

    :param account: for the SDK, which sends what is large.
    """

    def __init__(self, client: Client, account: Account, *, at_once: int = AT_ONCE) -> None:
        self._client = client
        self._transfer = Transfer(client.address, account)
        self._at_once = at_once

    def listing(self, prefix: str, *, boundaries: Sequence[str] = ()) -> list[Listed]:
        """All objects below a prefix, sorted by key."""
        what = f"listing {prefix or 'the bucket'}"
        root = self._client.address.root

        def fetch(query: str, client: Client = self._client) -> bytes:
            return client.send(what, Request("GET", root, query)).answer.body

        def fetch_all(queries: Sequence[str]) -> list[bytes]:
            bodies = [b""] * len(queries)

            def one(client: Client, number: int) -> None:
                bodies[number] = fetch(queries[number], client)

            self._each(one, range(len(queries)))
            return bodies

        try:
            return listing.everything(fetch, fetch_all, prefix, boundaries)
        except ValueError as error:
            raise CloudError(f"{what} ({self._client.address}): {error}") from error

    def head(self, key: str) -> Found | None:
        """An object's headers, size and etag."""
        request = Request("HEAD", self._path(key), accept=(200, 404))
        answer = self._client.send(f"asking for {key}", request).answer
        return objects.found(answer.headers) if answer.status == 200 else None

    def read(self, key: str) -> tuple[bytes, str] | None:
        """The content and the etag of a small object."""
        what = f"reading {key}"
        request = Request("GET", self._path(key), accept=(200, 404))
        answer = self._client.send(what, request).answer
        if answer.status == 404:
            return None
        return answer.body, objects.etag(answer.headers)

    def write(
        self, key: str, body: bytes, headers: Headers, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Put a small object, under a condition."""
        md5 = hashlib.md5(body, usedforsecurity=False)
        sent = objects.request_headers(headers)
        sent["content-md5"] = b64encode(md5.digest()).decode("ascii")
        if if_match is not None:
            sent["if-match"] = f'"{if_match}"'
        if if_absent:
            sent["if-none-match"] = "*"
        what = f"writing {key}"
        accept = (200, 404, 412) if if_match is not None else (200, 412)
        request = Request(
            "PUT", self._path(key), headers=sent, body=body, accept=accept, etag=md5.hexdigest()
        )
        outcome = self._client.send(what, request)
        if outcome.answer.status == 200:
            return objects.etag(outcome.answer.headers)
        # A write that was carried out, but whose answer was lost, meets its own result at the next try.
        if outcome.repeated and (there := self.read(key)) is not None and there[0] == body:
            return there[1]
        raise Superseded(
            f"{what} ({self._client.address}): somebody else has changed it meanwhile",
            remedy="look what was deployed meanwhile; then deploy again",
        )

    def upload(self, uploads: Iterable[Upload], *, progress: Progress | None = None) -> None:
        """Put many objects at once."""

        def send(client: Client, upload: Upload) -> None:
            self._transfer.send(client, upload, (lambda count: progress(upload, count)) if progress else None)

        self._each(send, uploads)

    def copy(self, source: str, target: str, headers: Headers) -> None:
        """Copy an object inside the bucket."""
        sent = objects.request_headers(headers)
        sent["x-amz-copy-source"] = f"/{self._client.address.bucket}/{quote(source, safe='/~')}"
        sent["x-amz-metadata-directive"] = "REPLACE"
        request = Request("PUT", self._path(target), headers=sent)
        self._client.send(f"copying {source} to {target}", request)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        plain = [key for key in keys if objects.writable(key)]
        batches = [plain[at : at + DELETED_AT_ONCE] for at in range(0, len(plain), DELETED_AT_ONCE)]
        self._each(self._delete_many, batches)
        self._each(self._delete_one, [key for key in keys if not objects.writable(key)])

    def sweep(self, prefix: str) -> int:
        """Delete what is left of uploads that were killed."""
        from deployer.site.s3.unfinished import abandoned, query

        what = f"looking for unfinished uploads below {prefix or 'the bucket'}"
        answer = self._client.send(what, Request("GET", self._client.address.root, query(prefix))).answer
        try:
            found = abandoned(answer.headers, answer.body)
        except ValueError as error:
            raise CloudError(f"{what} ({self._client.address}): {error}") from error

        def abort(client: Client, upload: tuple[str, str]) -> None:
            key, name = upload
            request = Request(
                "DELETE", self._path(key), f"uploadId={quote(name, safe='~')}", accept=(204, 404)
            )
            client.send(f"giving up an upload of {key}", request)

        self._each(abort, found)
        return len(found)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._client.close()

    def _delete_many(self, client: Client, keys: Sequence[str]) -> None:
        body = objects.deletion(keys)
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        headers = {"content-md5": b64encode(md5).decode("ascii"), "content-type": "application/xml"}
        what = f"deleting {len(keys)} objects"
        root = self._client.address.root
        answer = client.send(what, Request("POST", root, "delete=", headers, body)).answer
        try:
            failures = objects.undeleted(answer.body)
        except ValueError as error:
            raise CloudError(f"{what} ({self._client.address}): {error}") from error
        if failures:
            raise CloudError(
                f"{what} ({self._client.address}): {len(failures)} could not be deleted",
                details=failures[:20],
            )

    def _delete_one(self, client: Client, key: str) -> None:
        client.send(f"deleting {key}", Request("DELETE", self._path(key), accept=(200, 204, 404)))

    def _path(self, key: str) -> str:
        return self._client.address.path(key)

    def _each(self, work: Callable[[Client, T], None], items: Iterable[T]) -> None:
        halt = Halt()
        client = self._client.until(halt)
        each(lambda item: work(client, item), items, at_once=self._at_once, hang_up=halt.call)
