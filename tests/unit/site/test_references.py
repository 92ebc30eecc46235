"""What pages, style sheets and scripts refer to."""

from __future__ import annotations

import pytest

from deployer.config.sections.site import Site
from deployer.site.references import references
from deployer.site.verify import resolves, served_elsewhere

PAGE = """<!doctype html><html><head>
<link rel="stylesheet" href="/assets/a.css"><link rel="canonical" href="/canonical">
<link rel="preconnect" href="https://fonts.example"><script type="module" src="./main.js"></script>
<style>@import "more.css"; body { background: url(img/back%20ground.png) }</style></head>
<body><img src="a.png" srcset="a.png 1x, /b.png 2x"><a href="about.html#top">x</a><a href="mailto:a@b">x</a>
<a href="#here">x</a><a href="//cdn.example/x.js">x</a><img src="data:image/png;base64,AAAA">
<svg><use href="/icons.svg#a"/></svg><div style="background: url('c.png')"></div>
<script>import("./lazy.js")</script></body></html>"""


def test_a_page() -> None:
    found = set(references("docs/index.html", "text/html; charset=utf-8", PAGE))
    assert found == {
        "assets/a.css",
        "docs/main.js",
        "docs/more.css",
        "docs/img/back ground.png",
        "docs/a.png",
        "b.png",
        "docs/about.html",
        "icons.svg",
        "docs/c.png",
        "docs/lazy.js",
    }


def test_a_base_moves_what_is_relative() -> None:
    text = '<base href="/app/"><img src="a.png"><img src="/b.png">'
    assert set(references("index.html", "text/html", text)) == {"app/a.png", "b.png"}


@pytest.mark.parametrize(
    ("media", "text", "found"),
    [
        ("text/css", "a{src:url('../f.woff2')}@import 'b.css';", {"f.woff2", "assets/b.css"}),
        (
            "text/javascript",
            'import{a}from"./a.js";import("./b.js");import x from "react"',
            {"assets/a.js", "assets/b.js"},
        ),
        (
            "text/javascript",
            '__vite__mapDeps=["assets/c-1.js","assets/c-1.css"]',
            {"assets/c-1.js", "assets/c-1.css"},
        ),
        ("text/javascript", "new URL('w.js', import.meta.url)", set()),
        ("text/javascript", "new URL('./w.js', import.meta.url)", {"assets/w.js"}),
        ("application/javascript", 'import"./a.js"', {"assets/a.js"}),
        ("application/xhtml+xml", '<html><img src="a.png"/></html>', {"assets/a.png"}),
        (
            "text/html",
            '<link rel="alternate stylesheet" href="a.css"><link rel="alternate" href="feed.xml">',
            {"assets/a.css"},
        ),
        ("image/png", 'src="a.png"', set()),
    ],
)
def test_style_sheets_and_scripts(media: str, text: str, found: set[str]) -> None:
    assert set(references("assets/x", media, text)) == found


@pytest.mark.parametrize(
    ("target", "spa", "answered"),
    [
        ("a.js", True, True),
        ("b.js", True, False),
        ("docs/", False, True),
        ("", False, True),
        ("somewhere", True, True),
        ("somewhere", False, False),
        ("other/", False, False),
    ],
)
def test_what_gets_an_answer(target: str, spa: bool, answered: bool) -> None:
    listing = dict.fromkeys(["index.html", "a.js", "docs/index.html"])
    assert resolves(target, listing, Site(bucket="shop-site", spa=spa)) is answered


def test_the_api_is_not_the_sites() -> None:
    assert served_elsewhere("api/docs", "/api/")
    assert not served_elsewhere("apis", "/api/")
    assert not served_elsewhere("api", "/api/")  # as for CloudFront
    assert served_elsewhere("backend/v1/docs", "/backend/v1/")
    assert not served_elsewhere("api/docs", "/backend/v1/")
