"""Which images may go."""

from __future__ import annotations

from typing import Any

from deployer.image.prune import plan_prune


def image(name: str, created: int, *tags: str, content: bool = True, size: int = 100) -> dict[str, Any]:
    labels = {"deployer.service": "shop", "deployer.role": "image"}
    if content:
        labels["deployer.content"] = name * 64
    return {
        "Id": f"sha256:{name}",
        "RepoTags": list(tags) or ["<none>:<none>"],
        "Created": created,
        "Size": size,
        "Labels": labels,
    }


def release(digit: str, created: int) -> dict[str, Any]:
    return image(digit, created, f"shop:{digit * 12}")


def going(*arguments: Any, **options: Any) -> list[str]:
    return [removal.image.removeprefix("sha256:") for removal in plan_prune("shop", *arguments, **options)]


RELEASES = [release(str(number), number) for number in (3, 1, 5, 2, 4)]


def test_the_newest_stay_and_the_oldest_go_first() -> None:
    assert going(RELEASES, [], 2) == ["1", "2", "3"]
    assert going(RELEASES, [], 5) == []
    assert going(RELEASES, [], 0) == ["1", "2", "3", "4", "5"]


def test_what_a_container_was_made_from_stays_running_or_not() -> None:
    containers = [{"ImageID": "sha256:1", "State": "exited"}, {"ImageID": "sha256:2", "State": "running"}]
    assert going(RELEASES, containers, 1) == ["3", "4"]


def test_what_is_in_use_does_not_count_against_the_newest() -> None:
    assert going(RELEASES, [{"ImageID": "sha256:5"}], 2) == ["1", "2", "3"]


def test_what_the_caller_protects_stays_by_tag_or_by_id() -> None:
    assert going(RELEASES, [], 1, {"shop:" + "1" * 12, "sha256:2"}) == ["3", "4"]


def test_an_image_with_a_name_that_is_not_ours_stays() -> None:
    mine = image("1", 1, "shop:" + "1" * 12, "registry/shop:golden")
    theirs = image("2", 2, "shop:latest")
    other = image("3", 3, "workshop:" + "3" * 12)
    assert going([mine, theirs, other], [], 0) == []


def test_leftovers_go_once_they_are_older_than_all_that_is_kept() -> None:
    """Younger ones are the cache of a kept release, or belong to a build that runs right now.

    Two older ones may be stages that have not changed since, and that the next build wants too.
    """
    old = [image(name, created, content=False) for name, created in (("a", 1), ("b", 2), ("c", 3))]
    young = image("d", 5, content=False)
    assert going([*RELEASES, *old, young], [], 2) == ["1", "a", "2", "3"]
    assert going([*old, young], [], 2) == ["a", "b", "c", "d"]


def test_a_release_that_lost_its_tag_goes_at_once() -> None:
    replaced = image("9", 9)
    removals = plan_prune("shop", [*RELEASES, replaced], [], 5)
    assert [(removal.name, removal.reason) for removal in removals] == [
        ("9", "replaced by a newer build of the same content")
    ]


def test_an_engine_may_say_null_where_there_is_nothing() -> None:
    bare = {**image("a", 1, content=False), "RepoTags": None}
    assert going([bare], [], 1) == ["a"]


def test_a_removal_says_what_and_why() -> None:
    removal = plan_prune("shop", RELEASES, [], 4)[0]
    assert removal.as_dict() == {
        "image": "sha256:1",
        "tags": ["shop:111111111111"],
        "bytes": 100,
        "reason": "older than the newest 4 release(s)",
    }
