"""Where a bucket is."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.proxy import proxy
from deployer.site.s3.address import address, endpoint


@pytest.mark.parametrize(
    ("at", "authority", "path"),
    [
        (address("shop", region="eu-west-1"), "shop.s3.eu-west-1.amazonaws.com", "/a%20b/%EA%B0%80~%2B.js"),
        (
            address("shop", region="cn-north-1"),
            "shop.s3.cn-north-1.amazonaws.com.cn",
            "/a%20b/%EA%B0%80~%2B.js",
        ),
        (address("a.b", region="eu-west-1"), "s3.eu-west-1.amazonaws.com", "/a.b/a%20b/%EA%B0%80~%2B.js"),
        (address("shop", endpoint="http://127.0.0.1:8333"), "127.0.0.1:8333", "/shop/a%20b/%EA%B0%80~%2B.js"),
        (
            address("shop", endpoint="https://s3.example.com/"),
            "s3.example.com",
            "/shop/a%20b/%EA%B0%80~%2B.js",
        ),
        (address("shop", endpoint="http://[::1]:80"), "[::1]", "/shop/a%20b/%EA%B0%80~%2B.js"),
    ],
)
def test_addresses(at: object, authority: str, path: str) -> None:
    assert (at.authority, at.path("a b/가~+.js")) == (authority, path)  # type: ignore[attr-defined]


def test_aws_needs_a_region_and_others_an_address() -> None:
    with pytest.raises(ConfigError, match=r"site\.region"):
        address("shop")
    with pytest.raises(ConfigError, match=r"site\.endpoint"):
        address("shop", endpoint="127.0.0.1:8333")


def test_the_config_says_where_before_the_environment_does() -> None:
    environ = {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}
    assert endpoint("http://c", environ) == "http://c"
    assert endpoint("", environ) == "http://b"
    assert endpoint("", {"AWS_ENDPOINT_URL": "http://a"}) == "http://a"
    assert endpoint("", {}) == ""


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, ("proxy", 3128)),
        ({"https_proxy": "proxy"}, ("proxy", 80)),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost, .amazonaws.com"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "aws.com"}, ("proxy", 3128)),
    ],
)
def test_proxies(environ: dict[str, str], expected: object) -> None:
    assert proxy("shop.s3.eu-west-1.amazonaws.com", environ) == expected


def test_a_proxy_that_asks_for_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError) as refused:
        proxy("a", {"HTTPS_PROXY": "http://user:pa55@proxy:3128"})
    assert "pa55" not in str(refused.value.as_dict())
