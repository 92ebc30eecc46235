"""What the doctor finds on the cloud side: a bucket and distributions, and what visitors get."""

from __future__ import annotations

import contextlib
import copy
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from deployer.config.load import load
from deployer.doctor import cloud
from deployer.doctor.finding import Finding
from tests.support.doctor import shows

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


@shows("cloud.bucket ok", "cloud.bucket broken")
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


HEALTHY: dict[str, Any] = {
    "CallerReference": "1",
    "Comment": "",
    "Enabled": True,
    "Origins": {
        "Quantity": 1,
        "Items": [
            {
                "Id": "api",
                "DomainName": "api.example.org",
                "CustomHeaders": {
                    "Quantity": 1,
                    "Items": [{"HeaderName": "X-Origin-Secret", "HeaderValue": "s"}],
                },
                "CustomOriginConfig": {
                    "HTTPPort": 8080,
                    "HTTPSPort": 443,
                    "OriginProtocolPolicy": "http-only",
                    "OriginReadTimeout": 60,
                },
            }
        ],
    },
    "DefaultCacheBehavior": {
        "TargetOriginId": "api",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "FunctionAssociations": {
            "Quantity": 1,
            "Items": [{"FunctionARN": "arn:aws:cloudfront::1:function/x", "EventType": "viewer-request"}],
        },
    },
    "CacheBehaviors": {
        "Quantity": 1,
        "Items": [
            {
                "PathPattern": "/api/*",
                "TargetOriginId": "api",
                "ViewerProtocolPolicy": "https-only",
                "CachePolicyId": cloud.CACHING_DISABLED,
                "OriginRequestPolicyId": cloud.ALL_VIEWER[0],
                "AllowedMethods": {"Quantity": 7, "Items": METHODS},
                "Compress": False,
            }
        ],
    },
    # What our own template says: no page, only that errors are not kept.
    "CustomErrorResponses": {"Quantity": 1, "Items": [{"ErrorCode": 503, "ErrorCachingMinTTL": 0}]},
}


def examined(config: dict[str, Any]) -> list[tuple[str, str]]:
    """What is found of a distribution that moto made of `config`: each check and its severity."""
    front = boto3.client("cloudfront")
    name = front.create_distribution(DistributionConfig=config)["Distribution"]["Id"]
    kept = front.get_distribution_config(Id=name)
    # moto forgets these, and keeps all else that is looked at.
    functions = config["DefaultCacheBehavior"].get("FunctionAssociations", {"Quantity": 0})
    kept["DistributionConfig"]["DefaultCacheBehavior"]["FunctionAssociations"] = functions
    with Stubber(front) as stub:
        stub.add_response("get_distribution_config", kept, {"Id": name})
        found = list(cloud.distribution(front, name, "/api/"))
    return [(each.check, each.severity.name.lower()) for each in found]


BEHAVIOUR = ("cache", "headers", "methods", "streams", "secret", "rewrite", "errors", "https")


@shows(*(f"cloud.{check} ok" for check in BEHAVIOUR))
def test_a_distribution_in_order() -> None:
    found = examined(HEALTHY)
    assert {severity for _, severity in found} == {"ok"}
    assert {check for check, _ in found} == set(BEHAVIOUR)


def api(config: dict[str, Any]) -> dict[str, Any]:
    behaviour: dict[str, Any] = config["CacheBehaviors"]["Items"][0]
    return behaviour


CHANGES: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
    ("api", "error", lambda config: config.update(CacheBehaviors={"Quantity": 0})),
    ("cache", "error", lambda config: api(config).update(CachePolicyId="658327ea")),
    ("headers", "error", lambda config: api(config).pop("OriginRequestPolicyId")),
    (
        "methods",
        "error",
        lambda config: api(config).update(AllowedMethods={"Quantity": 2, "Items": ["GET", "HEAD"]}),
    ),
    ("streams", "warning", lambda config: api(config).update(Compress=True)),
    (
        "streams",
        "warning",
        lambda config: config["Origins"]["Items"][0]["CustomOriginConfig"].update(OriginReadTimeout=30),
    ),
    ("secret", "warning", lambda config: config["Origins"]["Items"][0].pop("CustomHeaders")),
    ("rewrite", "warning", lambda config: config["DefaultCacheBehavior"].pop("FunctionAssociations")),
    (
        "errors",
        "warning",
        lambda config: config.update(
            CustomErrorResponses={
                "Quantity": 1,
                "Items": [{"ErrorCode": 403, "ResponsePagePath": "/index.html", "ResponseCode": "200"}],
            }
        ),
    ),
    (
        "https",
        "error",
        lambda config: config["DefaultCacheBehavior"].update(ViewerProtocolPolicy="allow-all"),
    ),
    ("https", "error", lambda config: api(config).update(ViewerProtocolPolicy="allow-all")),
]


@shows(*(f"cloud.{check} broken" for check in ("api", *BEHAVIOUR)), each=False)
@pytest.mark.parametrize(("check", "severity", "change"), CHANGES)
def test_what_is_wrong_with_a_distribution_is_found(
    check: str, severity: str, change: Callable[[dict[str, Any]], object]
) -> None:
    config = copy.deepcopy(HEALTHY)
    change(config)
    assert (check, severity) in examined(config)


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


Site = tuple[str, dict[str, tuple[int, str, dict[str, str]]]]


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A healthy site: its URL, and its pages, which may be changed."""
    pages: dict[str, tuple[int, str, dict[str, str]]] = {
        "/": (200, '<html><script src="/app.js"></script></html>', {}),
        "/app.js": (200, 'fetch("/api/interviews")', {}),
        "/a/page/of/the/app": (200, "<html></html>", {}),
        "/api/health": (200, "{}", {}),
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Pages_", (Pages,), {"pages": pages}))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}", pages
    server.shutdown()
    server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as found:
        yield found


@shows(
    *(f"cloud.{check} ok" for check in ("page", "assets", "mixed", "rewrite", "api")),
    *(f"cloud.{check} broken" for check in ("page", "assets", "rewrite", "api", "cache")),
)
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


@shows("cloud.mixed ok", "cloud.mixed broken")
def test_mixed_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found when the first page was served over HTTPS: it called its API without."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    words += ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")]
    subprocess.run(words, check=True, capture_output=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with serving(context) as (url, pages):
        assert by_check(cloud.visitors(url, "/api/", "/api/health"))["mixed"] == "ok"
        pages["/app.js"] = (200, 'fetch("http://3.36.1.2:8080/api/interviews")', {})
        (found,) = (one for one in cloud.visitors(url, "/api/", "/api/health") if one.check == "mixed")
        assert found.severity.name == "ERROR"
        assert "http://3.36.1.2:8080/api/interviews" in found.evidence


@shows("cloud.account ok", "cloud.account broken", "cloud.bucket ok")
def test_an_account(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "service: {name: shop, image: shop:1, port: 8080}\n"
        "site: {dist: dist, bucket: site, region: us-east-1}\n"
    )
    config = load(path, environ={})
    assert by_check(cloud.check_cloud(config, os.environ, None))["account"] == "error"  # no such bucket
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="site")
    s3.put_public_access_block(Bucket="site", PublicAccessBlockConfiguration=BLOCKED)
    assert by_check(cloud.check_cloud(config, os.environ, None))["account"] == "ok"


@pytest.mark.parametrize(
    "site",
    [
        "",
        "site: {bucket: site, region: us-east-1}",
        "site: {bucket: site, store: {}}",
        "site: {bucket: site, store: {}, distribution: E123}",
    ],
)
def test_what_is_not_looked_at_of_cloudfront_is_said(tmp_path: Path, site: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"service: {{name: shop, image: shop:1, port: 8080}}\n{site}\n")
    found = by_check(cloud.check_cloud(load(path, environ={}), os.environ, None))
    assert (found["distribution"], found["visitors"]) == ("skipped", "skipped")


def test_mixed_content_is_seen_in_pages_and_scripts() -> None:
    assert cloud._PLAIN.findall(b'<img src="http://10.0.0.5:8080/x.png">')
    assert cloud._CALLS.findall(b'const api = "http://3.36.1.2:8080/api"')
    assert not cloud._CALLS.findall(b'"http://www.w3.org/2000/svg", "https://a.example"')
