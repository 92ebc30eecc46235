"""What files are served with."""

from __future__ import annotations

import pytest

from deployer.config.reading import made
from deployer.config.sections.site import Site
from deployer.site.headers import A_WHILE, ASK_FIRST, FOR_EVER, Rules
from deployer.site.media import media_type
from deployer.site.patterns import compile_patterns


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a/INDEX.HTML", "text/html; charset=utf-8"),
        ("assets/a-12345678.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("manifest.webmanifest", "application/manifest+json; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("favicon.ico", "image/x-icon"),
        ("resume.hwpx", "application/vnd.hancom.hwpx"),
        ("a.tar.gz", "application/gzip"),
        ("noending", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        (".well-known/apple-app-site-association", "application/json; charset=utf-8"),
        ("folder.html/file", "application/octet-stream"),
    ],
)
def test_types_are_by_a_table_of_our_own(path: str, media: str) -> None:
    assert media_type(path) == media


@pytest.mark.parametrize(
    ("path", "cached", "hashed"),
    [
        ("index.html", ASK_FIRST, False),
        ("assets/index-BxZ_19-a.js", FOR_EVER, True),
        ("assets/deep/index-BxZ_19-a.css", FOR_EVER, True),
        ("assets/index.js", A_WHILE, False),
        ("index-BxZ_19-a.js", A_WHILE, False),
        ("assets/page-12345678.html", ASK_FIRST, False),
        ("icon.svg", A_WHILE, False),
    ],
)
def test_hashed_files_may_be_cached_for_ever_and_pages_are_asked_about(
    path: str, cached: str, hashed: bool
) -> None:
    treatment = Rules(Site(bucket="shop-site")).of(path)
    assert (treatment.headers.cache_control, treatment.hashed) == (cached, hashed)


def test_later_rules_win_and_metadata_adds_up() -> None:
    rules = Rules(
        made(
            Site,
            {
                "bucket": "shop-site",
                "rules": [
                    {"match": "**", "cache_control": "no-store", "metadata": {"b": "1", "a": "1"}},
                    {"match": "*.txt", "encoding": "gzip", "metadata": {"b": "2"}},
                    {"match": "deep/**", "encoding": "none", "content_type": "text/x-odd"},
                ],
            },
        )
    )
    plain, deep = rules.of("a.txt").headers, rules.of("deep/er/a.txt").headers
    assert (plain.cache_control, plain.content_encoding) == ("no-store", "gzip")
    assert plain.metadata == (("a", "1"), ("b", "2"))
    assert (deep.content_type, deep.content_encoding) == ("text/x-odd", "")
    assert rules.of("b.txt").headers is plain


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.map", ["a.map", "x/y/a.map"], ["a.mapx", "map"]),
        ("assets/**", ["assets/a", "assets/x/y"], ["assets", "x/assets/a"]),
        ("assets/*", ["assets/a"], ["assets/x/y"]),
        ("**/a.txt", ["a.txt", "x/y/a.txt"], ["ba.txt"]),
        ("a?.txt", ["ab.txt", "x/ab.txt"], ["a.txt", "a/.txt"]),
        ("한글*.txt", ["한글 (1).txt"], ["한.txt"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = compile_patterns([pattern])
    assert [path for path in matching + others if matches(path)] == matching
    assert not compile_patterns([])("a")
