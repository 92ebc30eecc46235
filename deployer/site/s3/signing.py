"""Signature Version 4 of AWS, for requests to S3.

Of the SDK's cost for a small request, most is spent before anything is sent. The rules are AWS's ("Signature
Calculations for the Authorization Header"); a test lets botocore sign the same requests and compares.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

from deployer.aws.account import Credentials

UNSIGNED = "UNSIGNED-PAYLOAD"
"""Instead of a body's SHA-256: over TLS, where Content-MD5 is among what is signed."""

NEGLIGIBLE = 60.0
"""Seconds between two clocks that no server minds: S3 allows 15 minutes."""


class Signer:
    """Signs for one region; the key, which is good for a day, is computed once.

    :param clock: seconds since 1970, as this machine sees them.
    """

    def __init__(self, region: str, clock: Callable[[], float] = time.time) -> None:
        self._region = region
        self._clock = clock
        self._ahead = 0.0
        self._key: tuple[tuple[str, str], bytes] = (("", ""), b"")
        self._stamp: tuple[int, str] = (-1, "")

    def agree(self, date: str) -> bool:
        """Go by the server's clock from now on, as its header Date tells it; whether that is another time."""
        from email.utils import parsedate_to_datetime

        try:
            ahead = parsedate_to_datetime(date).timestamp() - self._clock()
        except ValueError:
            return False
        before, self._ahead = self._ahead, ahead
        return abs(ahead - before) > NEGLIGIBLE

    def sign(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        digest: str,
        credentials: Credentials,
    ) -> dict[str, str]:
        """The headers as they are to be sent: with date, token and authorization.

        :param path: encoded.
        :param query: encoded, its parameters sorted by name, each with its '='.
        :param headers: names in lower case, with host.
        :param digest: SHA-256 of the body in hex, or UNSIGNED.
        """
        stamp = self._now()
        signed = {**headers, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in names)
        listed = ";".join(names)
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{digest}"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = self._signing_key(stamp[:8], credentials.secret_key)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={listed}, "
            f"Signature={signature}"
        )
        return signed

    def _now(self) -> str:
        second = int(self._clock() + self._ahead)
        if self._stamp[0] != second:
            self._stamp = (second, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second)))
        return self._stamp[1]

    def _signing_key(self, day: str, secret: str) -> bytes:
        made_for, key = self._key
        if made_for != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = ((day, secret), key)
        return key
