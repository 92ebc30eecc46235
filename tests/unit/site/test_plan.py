"""What is done about each file, from what is on disk and what is in the bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.config.sections.site import Site
from deployer.site.files import LocalFile
from deployer.site.headers import Rules
from deployer.site.manifest import Entry, Manifest
from deployer.site.plan import (
    Bucket,
    Plan,
    excessive,
    lines,
    plan_clearing,
    plan_deploy,
    plan_return,
    reheaded,
    unneeded_kept,
)
from deployer.site.store import Found, Headers, Listed

CASES = yaml.safe_load((Path(__file__).parent / "plans.yaml").read_text())
RULES = Rules(Site(bucket="shop-site"))


def digest(content: str) -> str:
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


def entry(path: str, content: str) -> Entry:
    """Content, and after a `|` another Cache-Control."""
    content, bar, cached = content.partition("|")
    headers = RULES.of(path).headers
    if bar:
        headers = Headers(headers.content_type, cached)
    return Entry(len(content), digest(content), digest(content), headers, digest(content))


def manifest(release: str, files: dict[str, str]) -> Manifest:
    return Manifest(release, {path: entry(path, content) for path, content in sorted(files.items())})


def on_disk(files: dict[str, str]) -> list[LocalFile]:
    return [
        LocalFile(path, content.encode(), len(content), bytes.fromhex(digest(content)))
        for path, content in sorted(files.items())
    ]


def listed(key: str, content: str) -> Listed:
    return Listed(key, len(content), digest(content))


def bucket(files: dict[str, str], kept: Iterable[str] = (), heads: dict[str, str] | None = None) -> Bucket:
    found = {
        path: Found(entry(path, content).headers, len(content), digest(content))
        for path, content in (heads or {}).items()
    }
    return Bucket(
        {path: listed(path, content) for path, content in files.items()},
        {digest(content): listed(digest(content), content) for content in kept},
        found=found,
    )


def told(plan: Plan) -> dict[str, str]:
    return {path: reason for reason, path, _ in lines(plan)}


@pytest.mark.parametrize("case", CASES["deploys"], ids=lambda case: case["name"])
def test_a_deploy(case: dict[str, Any]) -> None:
    releases = [manifest(name, files) for name, files in (case.get("releases") or {}).items()]
    current = releases[0].release if releases else None
    there = bucket(case.get("bucket") or {}, case.get("kept") or (), case.get("heads"))
    plan = plan_deploy(on_disk(case["disk"]), RULES.of, there, releases, current=current)
    if current is not None:
        plan_clearing(plan, there, releases, lambda path: path.startswith("uploads/"))
    want = case["want"]
    assert told(plan) == (want.get("files") or {})
    assert [keeping.path for keeping in plan.keeps] == want.get("keeps", [])
    assert plan.unsure == want.get("unsure", [])
    assert plan.same == want.get("same", False)
    assert plan.fresh == want.get("fresh", not plan.same)
    assert {sending.file.path: sending.phase for sending in plan.sends} == want.get(
        "phases", {sending.file.path: sending.phase for sending in plan.sends}
    )
    assert set(plan.files) == set(case["disk"])


@pytest.mark.parametrize("case", CASES["returns"], ids=lambda case: case["name"])
def test_a_return(case: dict[str, Any]) -> None:
    releases = {name: manifest(name, files) for name, files in case["releases"].items()}
    there = bucket(case["bucket"], case.get("kept") or ())
    plan = plan_return(releases["old"], there, list(releases.values()), current="new")
    want = case["want"]
    assert told(plan) == (want.get("files") or {})
    assert [keeping.path for keeping in plan.keeps] == want.get("keeps", [])
    assert plan.lost == want.get("lost", [])


def test_a_release_that_serves_is_put_back_with_its_headers() -> None:
    """Half of another one was published: a listing shows the content, and headers were asked for."""
    serving = manifest("one", {"index.html": "1", "icon.svg": "1", "a.txt": "1", "assets/a-12345678.js": "1"})
    heads = {"icon.svg": "1|no-store", "a.txt": "1", "assets/a-12345678.js": "1|no-store"}
    there = bucket({**dict.fromkeys(serving.files, "1"), "index.html": "2"}, ["1"], heads)
    plan = plan_return(serving, there, [serving], current="one")
    assert told(plan) == {"index.html": "changed", "icon.svg": "headers", "assets/a-12345678.js": "headers"}
    assert set(plan.changed) == set(told(plan))


def test_headers_that_two_releases_give_otherwise_are_to_be_asked_for() -> None:
    one = manifest("one", {"a.txt": "1", "b.txt": "1", "c.txt": "1"})
    two = manifest("two", {"a.txt": "1", "b.txt": "2|no-store", "d.txt": "1|no-store"})
    assert reheaded(one.files, two.files) == ["b.txt"]


def test_the_manifest_is_believed_where_there_is_no_listing() -> None:
    release = manifest("one", {"index.html": "1"})
    plan = plan_deploy(on_disk({"index.html": "1"}), RULES.of, Bucket(None), [release], current="one")
    assert plan.same
    plan = plan_deploy(on_disk({"index.html": "2"}), RULES.of, Bucket(None), [release], current="one")
    assert told(plan) == {"index.html": "changed"}
    assert plan.sends[0].before == digest("1")


@pytest.mark.parametrize(
    ("limit", "excess"),
    [("50%", None), ("49%", (2, 1)), ("2", None), ("1", (2, 1)), ("0", (2, 0)), ("100%", None)],
)
def test_more_than_the_limit_is_too_much(limit: str, excess: tuple[int, int] | None) -> None:
    there = bucket({"index.html": "1", "a.txt": "1", "b.txt": "1", "icon.svg": "1"})
    plan = Plan(files={"index.html": entry("index.html", "1"), "icon.svg": entry("icon.svg", "1")}, present=4)
    plan_clearing(plan, there, [], lambda _path: False)
    assert excessive(plan, limit, RULES.of) == excess


def test_hashed_files_go_with_their_release_and_do_not_count_as_deleted() -> None:
    there = bucket({"index.html": "1", "assets/old-12345678.js": "1"})
    plan = Plan(files={"index.html": entry("index.html", "1")}, present=2)
    plan_clearing(plan, there, [], lambda _path: False)
    assert told(plan) == {"assets/old-12345678.js": "stale"}
    assert excessive(plan, "0", RULES.of) is None


def test_kept_content_goes_when_no_release_has_it() -> None:
    there = bucket({}, kept=["1", "2"])
    assert unneeded_kept(there, [manifest("one", {"index.html": "1"})]) == [digest("2")]


def test_a_redirect_is_a_page_of_its_own() -> None:
    page = LocalFile("old", b"<meta>", 6, bytes.fromhex(digest("<meta>")), redirect="/새로")
    plan = plan_deploy([page], RULES.of, bucket({}), [], current=None)
    headers = plan.sends[0].entry.headers
    assert headers.content_type == "text/html; charset=utf-8"
    assert headers.redirect == "/%EC%83%88%EB%A1%9C"
    assert plan.sends[0].phase == "page"


def test_a_thousand_unchanged_files_cost_little_to_say() -> None:
    files = {f"assets/chunk{number}-{number:08d}.js": str(number) for number in range(1000)}
    release = manifest("one", files)
    plan = plan_deploy(on_disk(files), RULES.of, bucket(files), [release], current="one")
    assert plan.same
    assert plan.unchanged == 1000
    assert not list(lines(plan))
