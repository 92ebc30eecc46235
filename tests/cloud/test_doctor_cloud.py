"""What the doctor finds on the cloud side: a bucket and distributions, and what visitors get."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from deployer.doctor import cloud
from deployer.doctor.finding import Finding

BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


def by_check(findings: Iterator[Finding]) -> dict[str, str]:
    return {finding.check: finding.severity.name.lower() for finding in findings}


def test_a_bucket_that_may_be_opened_is_found() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="site")
    assert by_check(cloud.bucket(s3, "site")) == {"bucket": "error"}
    s3.put_public_access_block(Bucket="site", PublicAccessBlockConfiguration=BLOCKED)
    assert by_check(cloud.bucket(s3, "site")) == {"bucket": "ok"}
    s3.put_public_access_block(
        Bucket="site", PublicAccessBlockConfiguration={**BLOCKED, "BlockPublicPolicy": False}
    )
    assert by_check(cloud.bucket(s3, "site")) == {"bucket": "error"}


def made(front: Any, *, api: dict[str, Any] | None, default: dict[str, Any], origin: dict[str, Any]) -> str:
    """A distribution with these behaviours; its id."""
    behaviours = [api] if api else []
    config = {
        "CallerReference": "1",
        "Comment": "",
        "Enabled": True,
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    "Id": "api",
                    "DomainName": "api.example.org",
                    "CustomOriginConfig": {
                        "HTTPPort": 8080,
                        "HTTPSPort": 443,
                        "OriginProtocolPolicy": "http-only",
                        "OriginReadTimeout": 60,
                    },
                    **origin,
                }
            ],
        },
        "DefaultCacheBehavior": {
            "TargetOriginId": "api",
            "ViewerProtocolPolicy": "redirect-to-https",
            **default,
        },
        "CacheBehaviors": {"Quantity": len(behaviours), "Items": behaviours},
    }
    return str(front.create_distribution(DistributionConfig=config)["Distribution"]["Id"])


GOOD_API = {
    "PathPattern": "/api/*",
    "TargetOriginId": "api",
    "ViewerProtocolPolicy": "https-only",
    "CachePolicyId": cloud.CACHING_DISABLED,
    "OriginRequestPolicyId": cloud.ALL_VIEWER[0],
    "AllowedMethods": {"Quantity": 7, "Items": METHODS},
    "Compress": False,
}


class Front:
    """A distribution as CloudFront describes it; moto forgets policies and functions of behaviours."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def get_distribution_config(self, Id: str) -> dict[str, Any]:  # noqa: N803 -- the SDK's name
        return {"DistributionConfig": self.config}


def healthy() -> dict[str, Any]:
    return {
        "Origins": {
            "Items": [
                {
                    "Id": "api",
                    "CustomOriginConfig": {"OriginReadTimeout": 60},
                    "CustomHeaders": {"Items": [{"HeaderName": "X-Origin-Secret", "HeaderValue": "s"}]},
                }
            ]
        },
        "CacheBehaviors": {"Items": [dict(GOOD_API)]},
        "DefaultCacheBehavior": {
            "ViewerProtocolPolicy": "redirect-to-https",
            "FunctionAssociations": {"Items": [{"EventType": "viewer-request"}]},
        },
    }


def test_a_distribution_in_order() -> None:
    assert set(by_check(cloud.distribution(Front(healthy()), "E1", "/api/")).values()) == {"ok"}


@pytest.mark.parametrize(
    ("check", "severity", "change"),
    [
        ("api", "error", lambda config: config["CacheBehaviors"].update(Items=[])),
        ("cache", "error", lambda config: config["CacheBehaviors"]["Items"][0].update(CachePolicyId="x")),
        (
            "headers",
            "error",
            lambda config: config["CacheBehaviors"]["Items"][0].pop("OriginRequestPolicyId"),
        ),
        (
            "methods",
            "error",
            lambda config: config["CacheBehaviors"]["Items"][0].update(
                AllowedMethods={"Items": ["GET", "HEAD"]}
            ),
        ),
        ("streams", "warning", lambda config: config["CacheBehaviors"]["Items"][0].update(Compress=True)),
        ("secret", "warning", lambda config: config["Origins"]["Items"][0].pop("CustomHeaders")),
        ("rewrite", "warning", lambda config: config["DefaultCacheBehavior"].pop("FunctionAssociations")),
        (
            "errors",
            "warning",
            lambda config: config.update(CustomErrorResponses={"Items": [{"ErrorCode": 403}]}),
        ),
        (
            "https",
            "error",
            lambda config: config["DefaultCacheBehavior"].update(ViewerProtocolPolicy="allow-all"),
        ),
    ],
)
def test_what_is_wrong_with_a_distribution_is_found(check: str, severity: str, change: Any) -> None:
    config = healthy()
    change(config)
    found = list(cloud.distribution(Front(config), "E1", "/api/"))
    assert severity in [each.severity.name.lower() for each in found if each.check == check]


def test_a_distribution_that_moto_made_is_read() -> None:
    front = boto3.client("cloudfront")
    name = made(front, api=None, default={"ForwardedValues": FORWARDED, "MinTTL": 0}, origin={})
    assert by_check(cloud.distribution(front, name, "/api/"))["api"] == "error"


FORWARDED = {"QueryString": False, "Cookies": {"Forward": "none"}}


class Pages(BaseHTTPRequestHandler):
    """A site as visitors get it; `pages` by path, anything else is 404."""

    pages: dict[str, tuple[int, str, dict[str, str]]]

    def do_GET(self) -> None:
        code, text, headers = self.pages.get(self.path, (404, "", {}))
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, tuple[int, str, dict[str, str]]]]]:
    pages: dict[str, tuple[int, str, dict[str, str]]] = {
        "/": (200, '<html><script src="/app.js"></script></html>', {}),
        "/app.js": (200, 'fetch("/api/interviews")', {}),
        "/a/page/of/the/app": (200, "<html></html>", {}),
        "/api/health": (200, "{}", {}),
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Pages_", (Pages,), {"pages": pages}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", pages
    server.shutdown()
    server.server_close()


def test_what_visitors_get(site: tuple[str, dict[str, tuple[int, str, dict[str, str]]]]) -> None:
    url, pages = site
    assert set(by_check(cloud.visitors(url, "/api/", "/api/health")).values()) == {"ok"}
    pages["/api/health"] = (200, "{}", {"X-Cache": "Hit from cloudfront"})
    assert by_check(cloud.visitors(url, "/api/", "/api/health"))["cache"] == "error"
    pages["/api/health"] = (200, "<html>the page</html>", {})
    assert by_check(cloud.visitors(url, "/api/", "/api/health"))["api"] == "error"
    del pages["/a/page/of/the/app"]
    assert by_check(cloud.visitors(url, "/api/", "/api/health"))["rewrite"] == "warning"
    del pages["/app.js"]
    assert by_check(cloud.visitors(url, "/api/", "/api/health"))["assets"] == "error"
    pages["/"] = (403, "", {})
    assert by_check(cloud.visitors(url, "/api/", "/api/health")) == {"page": "error"}


def test_mixed_content_is_seen_in_pages_and_scripts() -> None:
    assert cloud._PLAIN.findall(b'<img src="http://10.0.0.5:8080/x.png">')
    assert cloud._CALLS.findall(b'const api = "http://3.36.1.2:8080/api"')
    assert not cloud._CALLS.findall(b'"http://www.w3.org/2000/svg", "https://a.example"')
