"""One POST, with an end: what an address answers, or why it does not.

Nothing that is raised here says the address: it may be a secret as a whole.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from msgspec import Struct

from deployer import proxy
from deployer.errors import NotDelivered

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

LIMIT = 64 * 1024
"""Bytes of an answer that are read: nobody has more to say than that."""
LONGEST_PAUSE = 300.0
"""Seconds; who wants to be left alone for longer is not asked again."""


class Answer(Struct, frozen=True):
    """:param cut: the connection ended before the body did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


def check_address(url: str, key: str) -> None:
    """:raises NotDelivered: it is none; the message names the config's key, and never the address."""
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not re.search(r"[\s\x00-\x1f]", url)
        )
        good = good and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise NotDelivered(f"{key} is no address that begins with https:// or http://")


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, environ: Mapping[str, str]
) -> Answer:
    """Ask once; redirects are not followed.

    :param timeout: seconds for the connection, for the answer to begin, and for all of it to be read.
    :param environ: `https_proxy` and `no_proxy` are heeded.
    :raises NotDelivered: there was no answer; another attempt may get one.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    request = Request(  # noqa: S310  (`check_address` has looked at the scheme)
        url, body, {"Content-Type": "application/json; charset=utf-8", "User-Agent": "deployer", **headers}
    )
    try:
        try:
            with _opener(urlsplit(url).hostname or "", environ).open(request, timeout=timeout) as answer:
                return _read(answer, timeout)
        except HTTPError as error:
            with error:
                return _read(cast("HTTPResponse", error), timeout)  # which an answer with a status is, too
    except URLError as error:
        raise NotDelivered(_why(error.reason, timeout), again=True) from None
    except (OSError, HTTPException, ValueError) as error:
        raise NotDelivered(_why(error, timeout), again=True) from None


def accepted(answer: Answer, why: str = "") -> None:
    """Whether the answer means that the message was taken.

    :param why: what the answer itself says, if that can be shown.
    :raises NotDelivered: it was not.
    """
    if 200 <= answer.status < 300:
        return
    said = f"HTTP {answer.status}" + (f" ({why})" if why else "")
    if answer.status in (408, 425, 429) or answer.status >= 500:
        pause = retry_after(answer.headers)
        raise NotDelivered(f"answers {said}", again=pause <= LONGEST_PAUSE, after=pause)
    if 300 <= answer.status < 400:
        raise NotDelivered(f"answers {said}: it has moved, and redirects are not followed")
    raise NotDelivered(f"answers {said}")


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds of Retry-After, which may also say a date; 0 where there is none."""
    said = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", said):
        return float(said)
    if not said:
        return 0.0
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _opener(host: str, environ: Mapping[str, str]) -> OpenerDirector:
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    said = proxy.address(host, environ)
    proxies = {"https": said} if said else {}
    return build_opener(ProxyHandler(proxies), Stay())


def _read(answer: HTTPResponse, timeout: float) -> Answer:
    from http.client import HTTPException

    ends = time.monotonic() + timeout
    body, cut = b"", False
    try:
        while len(body) < LIMIT and (piece := answer.read1(LIMIT - len(body))):
            body += piece
            if time.monotonic() > ends:
                cut = True
                break
    except (OSError, HTTPException):
        cut = True  # its status has been said, and that is what counts
    return Answer(answer.status, dict(answer.headers.items()), body, cut)


def _why(error: object, timeout: float) -> str:
    """The reason in words, without an address."""
    import socket
    import ssl

    if isinstance(error, TimeoutError):
        return f"does not answer within {timeout:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection"
    if isinstance(error, ConnectionError):
        return "cuts the connection"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached ({error.strerror})"
    return f"does not answer as HTTP does ({type(error).__name__})"
