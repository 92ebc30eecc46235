"""Requests to a bucket: signed, over connections that are kept, and again where that may help.

What is tried again, and the pauses between, are botocore's "standard" rules: connections that break, time
that runs out, answers that say "later", each pause up to twice the last, by chance, 20 s at most. Beyond
them, a server whose clock differs is believed, and a request on a connection that had been idle for too long
is sent on another one at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Collection, Mapping
from copy import copy

from msgspec import Struct, field

from deployer.aws.credentials import Source
from deployer.aws.refusals import refusal
from deployer.aws.session import ATTEMPTS
from deployer.errors import CloudError, CloudUnreachable
from deployer.site.s3.address import Address
from deployer.site.s3.connection import (
    Answer,
    Broken,
    Connection,
    FileBody,
    Sent,
    SourceChanged,
    context,
)
from deployer.site.s3.halt import Halt
from deployer.site.s3.signing import UNSIGNED, Signer

LONGEST_PAUSE = 20.0
FIRST_PAUSE = 0.1
AGAIN_STATUS = {429, 500, 502, 503, 504}
AGAIN_CODES = {
    "BandwidthLimitExceeded",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "XAmzContentSHA256Mismatch",
}
SKEWED = "RequestTimeTooSkewed"
NO_BUCKET = "NoSuchBucket"

_ERROR = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<Error[\s>]")
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


class Request(Struct, frozen=True):
    """
    :param path: encoded, as `Address.path` gives it.
    :param query: encoded, parameters sorted by name, each with its '='.
    :param headers: names in lower case.
    :param accept: statuses that are an answer rather than an error.
    :param etag: that the answer must have, where it has one that is an MD5.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileBody = b""
    accept: Collection[int] = (200, 204)
    etag: str = ""


class Outcome(Struct, frozen=True):
    """An answer, and whether an earlier try of the same request may have been carried out."""

    answer: Answer
    repeated: bool


class Failure(Struct, frozen=True):
    """What came of a try that failed.

    :param error: to raise where it was the last one.
    :param again: another try may help.
    :param pause: but not at once; else at once, and on another connection.
    :param done: the server may have done what it was asked to.
    """

    error: CloudError
    again: bool = True
    pause: bool = True
    done: bool = False


class Client:
    """Thread-safe. As many connections are open as there were requests at the same time."""

    def __init__(
        self,
        address: Address,
        credentials: Source,
        *,
        signer: Signer | None = None,
        authorities: str = "",
        proxy: tuple[str, int] | None = None,
    ) -> None:
        """
        :param authorities: file or folder of certificates to trust, instead of the system's.
        :param proxy: for TLS only.
        """
        self.address = address
        self._credentials = credentials
        self._signer = signer or Signer(address.region)
        self._context = context(authorities) if address.secure else None
        self._proxy = proxy
        self._idle: list[Connection] = []
        self.halt = Halt()

    def until(self, halt: Halt) -> Client:
        """The same client, whose requests end when `halt` is called."""
        other = copy(self)
        other.halt = halt
        return other

    def send(self, what: str, request: Request, sent: Sent | None = None) -> Outcome:
        """Send a request, several times if need be.

        :param what: is being done, for the error: `writing index.html`.
        :param sent: told of the body's bytes as they go; of what must go again, as a negative number.
        :raises CloudError: refused, or failed for good.
        """
        what = f"{what} ({self.address})"
        counted = _Counted(sent) if sent else None
        tries, repeated, fresh = 0, False, False
        while True:
            try:
                answer = self._once(request, counted, fresh=fresh)
                failure = self._failure(what, request, answer)
                if failure is None:
                    return Outcome(answer, repeated)
            except Broken as broken:
                failure = Failure(_unreachable(what, broken), pause=not broken.unheard or fresh, done=True)
            except SourceChanged as error:
                raise changed(what, str(error)) from None
            if counted:
                counted.undo()
            tries += 1
            if not failure.again or tries == ATTEMPTS:
                raise failure.error
            repeated, fresh = repeated or failure.done, not failure.pause
            if failure.pause:
                self.halt.pause(_pause(tries))

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _failure(self, what: str, request: Request, answer: Answer) -> Failure | None:
        """What is wrong with an answer; None where it is one that was asked for."""
        code, message = _told(answer, request.method)
        wrong = code == "BadDigest" or _differs(answer, request)
        if wrong:
            if _md5(request.body) != request.etag:
                return Failure(changed(what, "the content"), again=False)
            return Failure(CloudError(f"{what}: what arrived there is not what was sent"))
        if answer.status in request.accept and (answer.status >= 300 or not code) and code != NO_BUCKET:
            return None
        skewed = answer.status == 403 and code in (SKEWED, "")
        if skewed and self._signer.agree(answer.headers.get("date", "")):
            return Failure(refusal(what, answer.status, code, message), pause=False)
        region = answer.headers.get("x-amz-bucket-region", "")
        return Failure(
            refusal(what, answer.status, code, message, region=region),
            again=answer.status < 300
            or answer.status in AGAIN_STATUS
            or code in AGAIN_CODES
            or _conflict(answer, code, request),
            done=answer.status < 300 or answer.status >= 500,
        )

    def _once(self, request: Request, sent: Sent | None, *, fresh: bool) -> Answer:
        head = self._head(request)
        connection = self._connection(fresh=fresh)
        keep = False
        try:
            with self.halt.using(connection):
                answer = connection.exchange(head, request.body, bodiless=request.method == "HEAD", sent=sent)
            keep = answer.headers.get("connection", "").lower() != "close"
        except Broken:
            self.halt.check()
            raise
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _connection(self, *, fresh: bool) -> Connection:
        if not fresh:
            with contextlib.suppress(IndexError):
                return self._idle.pop()  # the one that was used last is the least likely to be dead
        self.halt.check()
        return Connection(self.address.host, self.address.port, self._context, self._proxy)

    def _head(self, request: Request) -> bytes:
        length = request.body.size if isinstance(request.body, FileBody) else len(request.body)
        headers = self._signer.sign(
            request.method,
            request.path,
            request.query,
            {**request.headers, "host": self.address.authority},
            _digest(request, secure=self.address.secure),
            self._credentials(),
        )
        if length or request.method in ("PUT", "POST"):
            headers["content-length"] = str(length)
        target = f"{request.path}?{request.query}" if request.query else request.path
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{request.method} {target} HTTP/1.1\r\n{lines}\r\n".encode("ascii")


class _Counted:
    """Tells of bytes, and takes them back where they went in vain."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._bytes = 0

    def __call__(self, count: int) -> None:
        self._bytes += count
        self._sent(count)

    def undo(self) -> None:
        if self._bytes:
            self._sent(-self._bytes)
            self._bytes = 0


def _digest(request: Request, *, secure: bool) -> str:
    """As botocore: over TLS, content whose MD5 is signed with the headers needs no second hash."""
    if secure and "content-md5" in request.headers:
        return UNSIGNED
    if isinstance(request.body, bytes):
        return hashlib.sha256(request.body).hexdigest()
    with request.body.path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _md5(body: bytes | FileBody) -> str:
    if isinstance(body, bytes):
        return hashlib.md5(body, usedforsecurity=False).hexdigest()
    with body.path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _told(answer: Answer, method: str) -> tuple[str, str]:
    """The code and the message of an error, which may also come with status 200, after a long copy."""
    if (answer.status < 300 and method not in ("PUT", "POST")) or not _ERROR.match(answer.body):
        return "", ""
    from html import unescape

    code, message = _CODE.search(answer.body), _MESSAGE.search(answer.body)
    return (
        unescape(code[1].decode("utf-8", "replace")) if code else "",
        unescape(message[1].decode("utf-8", "replace")) if message else "",
    )


def _differs(answer: Answer, request: Request) -> bool:
    """The server says that it has stored something else."""
    if not request.etag or answer.status != 200:
        return False
    etag = answer.headers.get("etag", "").strip('"')
    encrypted = answer.headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    return not encrypted and re.fullmatch("[0-9a-f]{32}", etag) is not None and etag != request.etag


def _conflict(answer: Answer, code: str, request: Request) -> bool:
    """Two conditional writes at once: S3 lets neither know who was first, and asks for another try."""
    conditional = "if-match" in request.headers or "if-none-match" in request.headers
    return conditional and (answer.status == 409 or code == "ConditionalRequestConflict")


def _unreachable(what: str, broken: Broken) -> CloudError:
    return CloudUnreachable(
        f"{what}: {broken}", remedy="look at the network and at the address; then try again"
    )


def _pause(tries: int) -> float:
    """Seconds before the next try."""
    import random

    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**tries))  # noqa: S311  (no secret)


def changed(what: str, name: str) -> CloudError:
    """The error for a file that is not what it was when it was planned to be sent."""
    return CloudError(
        f"{what}: {name} changed while it was sent",
        remedy="let the build end before the site is deployed; then deploy again",
    )
