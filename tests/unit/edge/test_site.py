"""The way to the site, and what of the config an edge is made from."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.config.schema import Config
from deployer.config.sections.site import Site
from deployer.edge.configuration import configuration, settings
from deployer.edge.network import slot_addresses
from deployer.edge.site import redirects, route, viewer_request
from deployer.edge.state import EdgeState


def config(**site: Any) -> Config:
    return Config.of({"service": {"name": "shop", "image": "shop:1", "port": 80}, "site": site})


def haproxy(found: Config) -> str:
    return configuration(found, EdgeState(), slot_addresses("10.9.8.0/28"))


AWS = "s3.ap-northeast-2.amazonaws.com"

WAYS: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    # site: host, address, what stands in front of a path
    "a server of its own": ({"origin": "http://10.0.0.5:81"}, ("10.0.0.5:81", "10.0.0.5:81", "")),
    "the host's own store": (
        {"bucket": "web", "store": {"port": 83}},
        ("127.0.0.1:83", "127.0.0.1:83", "/web"),
    ),
    "another store": (
        {"bucket": "web", "endpoint": "https://s3.example.com", "prefix": "a/b/"},
        ("s3.example.com", "s3.example.com:443", "/web/a/b"),
    ),
    "AWS": (
        {"bucket": "web", "region": "ap-northeast-2", "prefix": "a/"},
        (f"web.{AWS}", f"web.{AWS}:443", "/a"),
    ),
    "AWS, no region": (
        {"bucket": "web"},
        ("web.s3.amazonaws.com", "web.s3.amazonaws.com:443", ""),
    ),
    "AWS, China": (
        {"bucket": "web", "region": "cn-north-1"},
        ("web.s3.cn-north-1.amazonaws.com.cn", "web.s3.cn-north-1.amazonaws.com.cn:443", ""),
    ),
    "AWS, a name that no certificate fits": (
        {"bucket": "web.example.com", "region": "ap-northeast-2"},
        (AWS, f"{AWS}:443", "/web.example.com"),
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_way_to_the_site(name: str) -> None:
    site, expected = WAYS[name]
    found = route(config(**site).site)
    assert found
    assert (found.host, found.address, found.base) == expected
    assert found.bucket == ("bucket" in site)
    assert f"server origin {found.address} " in haproxy(config(**site))


def test_without_a_site_all_goes_to_the_service() -> None:
    found = Config.of({"service": {"name": "shop", "image": "shop:1", "port": 80}})
    assert route(found.site) is None
    assert "backend site" not in haproxy(found)


BASE: dict[str, Any] = {"bucket": "web", "endpoint": "http://127.0.0.1:83"}


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "other"},
        {"endpoint": "http://127.0.0.1:84"},
        {"prefix": "a/"},
        {"spa": False},
        {"index": "home.html"},
        {"redirects": {"/a": "/b"}},
    ],
)
def test_an_edge_is_made_from_this(change: dict[str, Any]) -> None:
    assert settings(config(**BASE)) != settings(config(**{**BASE, **change}))
    assert haproxy(config(**BASE)) != haproxy(config(**{**BASE, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"dist": "build"},
        {"keep_releases": 2},
        {"access_key": "${env:A}", "secret_key": "${env:B}"},
        {"rules": [{"match": "*", "cache_control": "no-store"}]},
        {"region": "eu-west-1"},  # an endpoint's place is its address
    ],
)
def test_and_not_from_what_a_deploy_needs(change: dict[str, Any]) -> None:
    assert settings(config(**BASE)) == settings(config(**{**BASE, **change}))
    assert haproxy(config(**BASE)) == haproxy(config(**{**BASE, **change}))


def test_what_is_for_the_service_lets_the_site_pass() -> None:
    """HAProxy obeys a frontend's http-request rules before it looks where a request goes."""
    waiting = [line for line in haproxy(config(**BASE)).splitlines() if "http-request lua." in line]
    assert len(waiting) == 2
    for line in waiting:
        assert all(condition.startswith("api ") for condition in line.split(" if ")[1].split(" or ")), line


def test_redirects_are_quoted_wherever_they_stand() -> None:
    said = {"/it%27s/%ED%95%9C": "https://example.com/한'글#a", "/%0a": "/x", "/a%22b": "/100%25"}
    site = Site(bucket="web", redirects=said)
    assert redirects(site) == {
        "/it's/한": "https://example.com/%ED%95%9C%27%EA%B8%80#a",
        '/a"b': "/100%25",
    }
    text = haproxy(config(**BASE, redirects=said))
    target = "'https://example.com/%%ED%%95%%9C%%27%%EA%%B8%%80#a'"
    assert rf"location {target} if {{ var(txn.path) -m str -- '/it'\''s/한' }}" in text
    assert r"""'/100%%25' if { var(txn.path) -m str -- '/a"b' }""" in text
    assert r'"/a\"b": "/100%25"' in viewer_request(site)


def test_only_what_cloudfronts_pattern_takes_goes_to_the_service() -> None:
    """`/api/*` there: what begins with the prefix, which a bare `/api` does not."""
    text = haproxy(config(origin="http://10.0.0.5:81"))
    assert [line.strip() for line in text.splitlines() if "acl api" in line] == ["acl api path_beg /api/"]
