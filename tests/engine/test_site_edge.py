"""A site in a bucket, through a real edge: what CloudFront would do, and nothing of the bucket shown.

The bucket here answers as it is told; `test_store.py` has a real one.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
from docker import DockerClient

from deployer.config.sections.site import Site
from deployer.edge.site import viewer_request
from tests.support.bucket import Answer, Bucket
from tests.support.project import Project

BASE = "/pages/web"
REDIRECTS = {"/old": "/new?x=1&y=%20", "/it%27s/%ED%95%9C": "https://example.com/한'글#a"}


@dataclass(frozen=True)
class Seen:
    """An answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Visited:
    """A service behind an edge whose site is in `bucket`."""

    project: Project
    bucket: Bucket

    def get(self, path: str, method: str = "GET", **headers: str) -> Seen:
        """What a visitor gets for exactly this path, which other clients would tidy up."""
        connection = HTTPConnection("127.0.0.1", self.project.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, headers={"accept-encoding": "identity", **headers})
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Seen(answer.status, told, answer.read())

    def asked(self, path: str) -> str | int:
        """The path that the bucket is asked for; the status where the edge answers by itself."""
        self.bucket.asked.clear()
        answer = self.get(path)
        assert len(self.bucket.asked) <= 1
        return self.bucket.asked[0] if self.bucket.asked else answer.status


@pytest.fixture(scope="module")
def visited(engine: DockerClient, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    project = Project(engine, tmp_path_factory.mktemp("site"), shop)
    with Bucket() as bucket:
        site = {
            "bucket": "pages",
            "prefix": "web/",
            "endpoint": f"http://127.0.0.1:{bucket.port}",
            "redirects": REDIRECTS,
        }
        project.config(site=site, rollout={"observe": "0s"})
        try:
            project.run("rollout")
            yield Visited(project, bucket)
        finally:
            project.remove()


@pytest.fixture(autouse=True)
def _forgetful(visited: Visited) -> None:
    visited.bucket.answers.clear()


# -- paths ---------------------------------------------------------------------------------------------

# A visitor's path: what becomes of it with `spa`, and without; an object's path, or a status.
PATHS: dict[str, tuple[str | int, str | int]] = {
    "/": ("/index.html", "/index.html"),
    "/?a=1&list-type=2": ("/index.html", "/index.html"),
    "/index.html": ("/index.html", "/index.html"),
    "/index.html?acl": ("/index.html", "/index.html"),
    "/assets/app-1a2b3c4d.js": ("/assets/app-1a2b3c4d.js",) * 2,
    "/api": ("/index.html", "/api"),
    "/interviews/7": ("/index.html", "/interviews/7"),
    "/interviews/7/": ("/index.html", "/interviews/7/index.html"),
    "/docs.v2/": ("/index.html", "/docs.v2/index.html"),
    "/docs.v2/x": ("/index.html", "/docs.v2/x"),
    "/a%2Fb": ("/index.html", "/a%2Fb"),
    "/a%2F": ("/index.html", "/a%2Findex.html"),
    "/a%2Ejs": ("/a%2Ejs",) * 2,
    "/a+b%2Bc%20d.js": ("/a%2Bb%2Bc%20d.js",) * 2,
    "/%ED%95%9C%EA%B8%80.txt": ("/%ED%95%9C%EA%B8%80.txt",) * 2,
    "/%ED%95%9C": ("/index.html", "/%ED%95%9C"),
    "/100%25.txt": ("/100%25.txt",) * 2,
    "/%252e%252e/x.js": ("/%252e%252e/x.js",) * 2,
    "/.well-known/acme-challenge/token": ("/.well-known/acme-challenge/token",) * 2,
    "/.well-known/": ("/.well-known/index.html",) * 2,
    "/.well-known": ("/.well-known",) * 2,
    "/deployer/x.js": ("/deployer/x.js",) * 2,
    "/.deployerx/x.js": ("/.deployerx/x.js",) * 2,
    "/old": (301, 301),
    "/old/": ("/index.html", "/old/index.html"),
    "/old?q=1": (301, 301),
    "/it's/%ed%95%9c": (301, 301),
    "/.deployer/current.json": (404, 404),
    "/.deployer": (404, 404),
    "/%2Edeployer/releases/1.json": (404, 404),
    "/.deployer%2Fcurrent.json": (404, 404),
    "/other/.deployer/current.json": (404, 404),
    "/a/../.deployer/current.json": (404, 404),
    "/a/%2E%2e/index.html": (404, 404),
    "/a/..": (404, 404),
    "/./index.html": (404, 404),
    "//index.html": (404, 404),
    "/a%2F%2Fb.js": (404, 404),
    "/nul%00.js": (404, 404),
    "/line%0Abreak": (404, 404),
    "/%zz.js": (404, 404),
    "/%ff": (404, 404),
    "/%e3%83": (404, 404),
    "/%": (404, 404),
}


def cloudfront(site: Site, paths: list[str]) -> list[Any]:
    """What the viewer-request function makes of each path: the request or the answer that it returns."""
    events = [{"request": {"method": "GET", "uri": path.partition("?")[0], "headers": {}}} for path in paths]
    script = f"{viewer_request(site)}\nconsole.log(JSON.stringify({json.dumps(events)}.map(handler)))"
    done = subprocess.run(["node", "-"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("spa", [True, False])
def test_cloudfront_asks_for_the_right_object(spa: bool) -> None:
    site = Site(bucket="pages", spa=spa, redirects=REDIRECTS)
    made = cloudfront(site, list(PATHS))
    found = {path: got.get("uri") or got["statusCode"] for path, got in zip(PATHS, made, strict=True)}
    assert found == {path: expected[0 if spa else 1] for path, expected in PATHS.items()}


def test_the_edge_does_what_cloudfront_does(visited: Visited) -> None:
    assert {path: visited.asked(path) for path in PATHS} == _expected(0)


def _expected(column: int) -> dict[str, str | int]:
    wanted = {path: both[column] for path, both in PATHS.items()}
    return {path: BASE + found if isinstance(found, str) else found for path, found in wanted.items()}


def test_redirects_lead_where_the_config_says_in_both(visited: Visited) -> None:
    paths = ["/old", "/it's/%ED%95%9C"]
    site = Site(bucket="pages", redirects=REDIRECTS)
    there = [answer["headers"]["location"]["value"] for answer in cloudfront(site, paths)]
    assert there == ["/new?x=1&y=%20", "https://example.com/%ED%95%9C%27%EA%B8%80#a"]
    assert [visited.get(path).headers["location"] for path in paths] == there


def test_the_api_is_none_of_the_sites_business(visited: Visited) -> None:
    for path in ("/api/x", "/api/", "/api/.deployer/x", "/api/a//b"):
        answer = visited.get(path)
        assert answer.headers["x-version"] == "1", path
        assert "x-frame-options" not in answer.headers
    assert visited.get("/apiary.js").text == "content"


# -- what reaches the bucket, and what a visitor sees of it --------------------------------------------


def test_a_visitor_reads_and_does_nothing_else(visited: Visited) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        visited.bucket.asked.clear()
        answer = visited.get("/index.html", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD"), method
        assert visited.bucket.asked == []
    answer = visited.get("/index.html", "HEAD")
    assert (answer.status, answer.text, answer.headers["content-length"]) == (200, "", "7")


def test_the_bucket_hears_no_secrets(visited: Visited) -> None:
    visited.get(
        "/a.js",
        cookie="session=1",
        authorization="AWS4-HMAC-SHA256 x",
        origin="https://example.com",
        range="bytes=0-3",
        **{"x-amz-security-token": "x", "x-preview": "x", "x-forwarded-host": "x"},
        **{"if-none-match": 'W/"a", "b"'},
    )
    told = visited.bucket.headers
    assert told.keys() <= {"host", "user-agent", "accept", "range", "if-none-match", "x-forwarded-for"}
    assert told["host"] == f"127.0.0.1:{visited.bucket.port}"
    assert (told["range"], told["if-none-match"]) == ("bytes=0-3", '"a","b"')


SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "1; mode=block",
}


def test_a_visitor_sees_nothing_of_the_bucket(visited: Visited) -> None:
    theirs = {"x-amz-request-id": "1", "x-amz-meta-team": "a", "Seaweed-X-Amz-Owner": "b", "server": "S3"}
    ours = {"cache-control": "no-cache", "etag": '"1"', "content-type": "text/html; charset=utf-8"}
    visited.bucket.answers[f"{BASE}/index.html"] = [Answer(headers={**theirs, **ours})]
    seen = visited.get("/").headers
    assert {name: seen[name] for name in (*ours, *SECURITY)} == {**ours, **SECURITY}
    assert not {name.lower() for name in theirs} & seen.keys()
    assert "strict-transport-security" not in seen, "not over plain HTTP"
    own = {"x-frame-options": "DENY", "x-content-type-options": "x"}
    visited.bucket.answers[f"{BASE}/index.html"] = [Answer(headers=own)]
    seen = visited.get("/").headers
    assert (seen["x-frame-options"], seen["x-content-type-options"]) == ("DENY", "nosniff")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_is_not_there_is_a_page_and_not_xml(visited: Visited, status: int) -> None:
    xml = {"content-type": "application/xml", "x-amz-request-id": "1"}
    visited.bucket.answers[f"{BASE}/gone.js"] = [Answer(status, xml, b"<Error>NoSuchKey</Error>")]
    answer = visited.get("/gone.js")
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert "no such page" in answer.text
    assert "Error" not in answer.text
    assert SECURITY.items() <= answer.headers.items()


def test_a_redirect_of_the_buckets_own_is_followed(visited: Visited) -> None:
    told = {"x-amz-website-redirect-location": "/new.html?a=1"}
    visited.bucket.answers[f"{BASE}/moved.html"] = [Answer(headers=told)]
    answer = visited.get("/moved.html")
    assert (answer.status, answer.headers["location"]) == (301, "/new.html?a=1")
    assert "x-amz-website-redirect-location" not in answer.headers


def test_a_store_that_stumbles_is_asked_again(visited: Visited) -> None:
    broken = Answer(503, {"content-type": "application/xml"}, b"<Error><Code>SlowDown</Code></Error>")
    visited.bucket.answers[f"{BASE}/index.html"] = [broken, broken, Answer()]
    assert visited.get("/").text == "content"
    visited.bucket.answers[f"{BASE}/index.html"] = [broken]
    answer = visited.get("/")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "SlowDown" not in answer.text


def test_text_is_compressed_for_who_takes_it(visited: Visited) -> None:
    text = b"export const answer = 42;\n" * 200
    script = {"content-type": "text/javascript; charset=utf-8", "etag": '"1"'}
    visited.bucket.answers |= {
        f"{BASE}/a.js": [Answer(headers=script, body=text)],
        f"{BASE}/a.png": [Answer(headers={"content-type": "image/png"}, body=text)],
        f"{BASE}/b.js": [Answer(headers={**script, "content-encoding": "br"}, body=b"brotli" * 200)],
        f"{BASE}/same.js": [Answer(304, {"etag": '"1"'}, b"")],
    }
    for path, encoding in {"/a.js": "gzip", "/a.png": None, "/b.js": "br"}.items():
        answer = visited.get(path, **{"accept-encoding": "gzip, br"})
        assert answer.headers.get("content-encoding") == encoding, path
        if encoding == "gzip":
            assert (gzip.decompress(answer.body), answer.headers["etag"]) == (text, 'W/"1"')
            assert answer.headers["vary"].lower() == "accept-encoding"
    assert "accept-encoding" not in visited.bucket.headers
    assert "content-encoding" not in visited.get("/a.js").headers
    assert visited.get("/same.js", **{"if-none-match": 'W/"1"'}).status == 304
    assert visited.bucket.headers["if-none-match"] == '"1"'


# -- beside the service --------------------------------------------------------------------------------


def test_maintenance_leaves_the_site_open(visited: Visited) -> None:
    visited.project.run("edge", "maintenance", "on", "--hold", "0s")
    assert visited.get("/api/x").status == 503
    assert visited.get("/").text == "content"
    visited.project.run("edge", "maintenance", "off")
    assert visited.get("/api/x").status == 200


def test_a_smoke_check_reaches_the_candidate_at_any_path(visited: Visited) -> None:
    asked = len(visited.bucket.asked)
    smoke = 'rollout.smoke=[{path: /, contains: "version"}]'
    assert visited.project.json("rollout", "--set", smoke)["outcome"] == "succeeded"
    assert len(visited.bucket.asked) == asked


def test_what_the_config_says_now_takes_an_upgrade(visited: Visited) -> None:
    visited.project.config(site={"spa": False})
    assert "edge upgrade" in visited.project.run("rollout").stderr
    assert visited.asked("/interviews/7/") == f"{BASE}/index.html"
    visited.project.run("edge", "upgrade")
    findings = visited.project.json("doctor", "service", expect=None)["findings"]
    assert [each["severity"] for each in findings if each["check"] == "drift"] == ["ok"]
    assert {path: visited.asked(path) for path in PATHS} == _expected(1)
    assert visited.project.leftovers() == []
