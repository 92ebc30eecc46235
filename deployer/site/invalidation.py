"""Which paths a distribution must forget after a release: a pure function of what has changed.

CloudFront counts paths: the first 1,000 of a month are free, a wildcard is one. At most 3,000 paths and 15
wildcards may be in progress. So each changed file is named by itself as long as that costs nothing, since a
wildcard also throws away what is still good; folders are taken together where it does not fit otherwise.

Hashed files are never named: under a name of theirs there has never been anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import quote

from msgspec import Struct

FREE_PATHS = 1000
"""A month, for all distributions of an account."""
PRICE = 0.005
"""US dollars for each path beyond."""
MOST_PATHS = 3000
MOST_WILDCARDS = 15
EVERYTHING = "/*"

# CloudFront asks for what RFC 3986 reserves or forbids to be encoded, and compares letter by letter.
_SAFE = "/-_.~!$&'()+,;=:@"


class Used(Struct, frozen=True):
    """What of the quotas is taken: free paths of this month, paths and wildcards in progress."""

    month: int = 0
    in_progress: int = 0
    wildcards: int = 0


class Invalidation(Struct, frozen=True):
    """Paths to invalidate, sorted, and what that costs in US dollars; no paths: nothing to do."""

    paths: tuple[str, ...]
    cost: float


def paths_of(
    changed: Iterable[str], *, index: str, spa: bool, cached_pages: Collection[str] = ()
) -> list[str]:
    """The paths under which visitors may have got a changed file, sorted.

    :param changed: paths in the site, without the hashed ones.
    :param index: the page of a folder, which is also there under the folder's own path.
    :param spa: paths that are no file get the site's page.
    :param cached_pages: pages that a cache may answer without asking; where the site's own page is one of
        them, with `spa`, any path may be.
    """
    paths = set()
    for path in changed:
        if spa and path == index and path in cached_pages:
            return [EVERYTHING]
        paths.add(encoded(path))
        # The function at the edge writes a visitor's plus sign so, for S3 (decision 0012).
        paths.add(encoded(path).replace("+", "%2B"))
        folder, slash, name = path.rpartition("/")
        if name == index:
            paths.add(encoded(folder + slash))
    return sorted(paths)


def encoded(path: str) -> str:
    """A site's path as CloudFront has it: with a slash in front, percent-encoded."""
    return "/" + quote(path, safe=_SAFE)


def invalidation(paths: Collection[str], used: Used) -> Invalidation:
    """The smallest request that makes the distribution forget `paths`, within what the quotas leave."""
    wanted = sorted(set(paths))
    if not wanted:
        return Invalidation((), 0.0)
    free = _free(used)
    room = max(0, MOST_PATHS - used.in_progress)
    wildcards = max(1, MOST_WILDCARDS - used.wildcards)
    if EVERYTHING in wanted:
        return _priced([EVERYTHING], free)
    budget = min(free, room)
    chosen = wanted
    if len(wanted) > budget:
        chosen = _folded(wanted, max(1, budget), wildcards)
    return _priced(chosen, free)


def repeated(paths: Collection[str], used: Used) -> Invalidation:
    """The same request once more: under the same reference, other paths would be refused."""
    return _priced(list(paths), _free(used))


def _free(used: Used) -> int:
    return max(0, FREE_PATHS - used.month)


def _folded(paths: list[str], budget: int, wildcards: int) -> list[str]:
    """`paths` with whole folders in place of what lies below them, the deepest first, until they fit."""
    chosen = set(paths)
    folds = 0
    for depth in range(max(path.count("/") for path in paths), 1, -1):
        groups: dict[str, list[str]] = {}
        for path in chosen:
            if path.count("/") >= depth:
                groups.setdefault("/".join(path.split("/")[:depth]) + "/*", []).append(path)
        for wildcard, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            if len(chosen) <= budget:
                return sorted(chosen)
            if len(members) < 2:
                continue
            folds += 1 - sum(member.endswith("*") for member in members)
            chosen.difference_update(members)
            chosen.add(wildcard)
    if len(chosen) <= budget and folds <= wildcards:
        return sorted(chosen)
    return [EVERYTHING]


def _priced(paths: list[str], free: int) -> Invalidation:
    return Invalidation(tuple(paths), round(max(0, len(paths) - free) * PRICE, 3))
