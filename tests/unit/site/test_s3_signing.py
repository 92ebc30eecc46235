"""Our signatures are botocore's, for the same request at the same second."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from deployer.aws.account import Credentials
from deployer.site.s3.address import Address, address
from deployer.site.s3.signing import UNSIGNED, Signer

NOW = 1_790_000_000.5
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
LENT = Credentials("ASIAEXAMPLE", "secret", "a/token+with=signs==")

BUCKETS = (
    address("shop", region="ap-northeast-2"),
    address("shop.example.com", region="eu-central-1"),
    address("shop", endpoint="http://127.0.0.1:8333"),
)
REQUESTS: tuple[tuple[str, str, str, dict[str, str], bytes], ...] = (
    ("PUT", "index.html", "", {"content-type": "text/html; charset=utf-8"}, b"<p>"),
    ("PUT", "a b+c%20d#e?f&g=h~!*'().txt", "", {"x-amz-meta-b": "  two  spaces ", "x-amz-meta-a": "1"}, b""),
    ("PUT", "가나다/😀/\t.js", "", {"if-match": '"0"', "x-amz-copy-source": "/shop/a%20b"}, b"1"),
    ("GET", "a//b/../c", "", {}, b""),
    ("POST", "", "delete=", {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, b"<Delete/>"),
    ("GET", "", f"list-type=2&prefix={quote('가 b+', safe='~')}&start-after=~", {}, b""),
)


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.fromtimestamp(NOW, UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: moment)


def theirs(at: Address, credentials: Credentials, request: Any, digest: str) -> str:
    """The Authorization that botocore would send."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as Sdk

    method, key, query, headers, body = request
    scheme = "https" if at.secure else "http"
    path = at.path(key) if key else at.base or "/"
    url = f"{scheme}://{at.authority}{path}" + (f"?{query}" if query else "")
    made = AWSRequest(method, url, headers, body)
    if digest == UNSIGNED:
        made.context["payload_signing_enabled"] = False
    made.context["client_config"] = None
    signer = S3SigV4Auth(
        Sdk(credentials.access_key, credentials.secret_key, credentials.token or None), "s3", at.region
    )
    signer.add_auth(made)
    return str(made.headers["Authorization"])


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize("credentials", [KEYS, LENT], ids=["keys", "token"])
@pytest.mark.parametrize("at", BUCKETS, ids=str)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request[0]}-{request[1]!a}")
def test_botocore_signs_the_same(at: Address, credentials: Credentials, request_: Any) -> None:
    method, key, query, headers, body = request_
    digest = UNSIGNED if at.secure and "content-md5" in headers else hashlib.sha256(body).hexdigest()
    path = at.path(key) if key else at.base or "/"
    signer = Signer(at.region, lambda: NOW)
    sent = signer.sign(method, path, query, {**headers, "host": at.authority}, digest, credentials)
    assert sent["authorization"] == theirs(at, credentials, request_, digest)
    assert sent.get("x-amz-security-token", "") == credentials.token


def test_the_clock_is_the_servers_once_they_differ() -> None:
    signer = Signer("us-east-1", lambda: NOW)
    assert signer.agree("Sun, 06 Nov 1994 08:49:37 GMT")
    sent = signer.sign("GET", "/", "", {"host": "a"}, UNSIGNED, KEYS)
    assert sent["x-amz-date"] == "19941106T084937Z"
    assert "/19941106/us-east-1/s3/aws4_request" in sent["authorization"]


def test_a_date_that_is_none_changes_nothing() -> None:
    signer = Signer("us-east-1", lambda: NOW)
    assert not signer.agree("noon")
    assert signer.sign("GET", "/", "", {"host": "a"}, UNSIGNED, KEYS)["x-amz-date"] == "20260921T141320Z"
