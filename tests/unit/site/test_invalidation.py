"""What a distribution must forget, and what that costs."""

from __future__ import annotations

import pytest

from deployer.site.invalidation import Used, invalidation, paths_of, repeated


@pytest.mark.parametrize(
    ("changed", "paths"),
    [
        ([], []),
        (["index.html"], ["/", "/index.html"]),
        (["docs/index.html", "icon.svg"], ["/docs/", "/docs/index.html", "/icon.svg"]),
        (["한 글.txt"], ["/%ED%95%9C%20%EA%B8%80.txt"]),
        (["a+b%#?.txt"], ["/a%2Bb%25%23%3F.txt", "/a+b%25%23%3F.txt"]),
        (["Logo.svg", "logo.svg"], ["/Logo.svg", "/logo.svg"]),
    ],
)
def test_a_changed_file_is_named_by_every_path_that_leads_to_it(changed: list[str], paths: list[str]) -> None:
    assert paths_of(changed, index="index.html", spa=False) == paths


def test_a_page_that_caches_answer_for_any_path_takes_everything_with_it() -> None:
    page = ["index.html"]
    assert paths_of(page, index="index.html", spa=True) == ["/", "/index.html"]
    assert paths_of(page, index="index.html", spa=True, cached_pages=page) == ["/*"]
    assert paths_of(page, index="index.html", spa=False, cached_pages=page) == ["/", "/index.html"]


def test_what_is_free_is_named_one_by_one() -> None:
    paths = [f"/img/{number}.png" for number in range(999)]
    found = invalidation(paths, Used())
    assert (len(found.paths), found.cost) == (999, 0.0)


def test_folders_are_taken_together_where_single_paths_would_cost() -> None:
    paths = ["/index.html", *(f"/img/{number}.png" for number in range(40))]
    found = invalidation(paths, Used(month=990))
    assert (found.paths, found.cost) == (("/img/*", "/index.html"), 0.0)


def test_the_deepest_folders_that_are_enough_are_taken() -> None:
    paths = [f"/docs/{part}/{number}.html" for part in ("a", "b") for number in range(8)]
    found = invalidation(paths, Used(month=990))
    assert found.paths == ("/docs/a/*", *(f"/docs/b/{number}.html" for number in range(8)))


def test_one_wildcard_is_the_cheapest_once_the_free_ones_are_gone() -> None:
    paths = [f"/{number}.html" for number in range(20)]
    found = invalidation(paths, Used(month=1000))
    assert (found.paths, found.cost) == (("/*",), 0.005)
    assert invalidation(["/a"], Used(month=1000)).cost == 0.005


def test_what_is_in_progress_leaves_less_room() -> None:
    paths = [f"/a/{number}" for number in range(100)]
    assert invalidation(paths, Used(in_progress=2950)).paths == ("/a/*",)


def test_too_many_wildcards_become_one() -> None:
    paths = [f"/{folder}/{number}" for folder in range(20) for number in range(60)]
    assert invalidation(paths, Used(month=980)).paths == ("/*",)


def test_a_request_is_repeated_as_it_was_whatever_it_costs_by_now() -> None:
    paths = [f"/{number}.html" for number in range(20)]
    found = repeated(paths, Used(month=990))
    assert (found.paths, found.cost) == (tuple(paths), 0.05)
