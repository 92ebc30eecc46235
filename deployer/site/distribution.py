"""What a release asks of the CDN in front of the site: which paths it must forget."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from deployer.config.sections.site import Site
from deployer.site.facts import Facts
from deployer.site.headers import Rules
from deployer.site.invalidation import Invalidation, Used, invalidation, paths_of, repeated
from deployer.site.plan import Plan
from deployer.site.store import Headers


class Distribution(Protocol):
    """What the site needs of a CDN; deployer.site.cloudfront has the real one."""

    def used(self) -> Used:
        """What of the quotas is taken."""

    def invalidate(self, wanted: Invalidation, reference: str) -> str:
        """Ask it to forget paths; the request's id. The same paths under the same reference ask only once."""

    def wait(self, request: str, seconds: float) -> bool:
        """Whether a request was done within the time."""


def wanted_invalidation(
    site: Site, distribution: Distribution | None, facts: Facts, plan: Plan, restored: Collection[str] = ()
) -> tuple[Invalidation, str]:
    """The paths that the distribution must forget, with what a killed command did not get to say.

    The second is the reference under which it was asked to already; empty where it was not.

    :param restored: paths that were put back meanwhile.
    """
    left = facts.pointer.pending
    if distribution is None:
        return Invalidation((), 0.0), ""
    paths = {*changed_paths(plan, site), *restored}
    if left is not None and left.reference and not paths:
        return repeated(left.invalidate, distribution.used()), left.reference
    paths.update(left.invalidate if left else ())
    return invalidation(paths, distribution.used() if paths else Used()), ""


def changed_paths(plan: Plan, site: Site) -> list[str]:
    """The paths of a plan that a distribution must be told of."""
    rules = Rules(site)
    changed = [path for path in plan.changed if not rules.of(path).hashed or path in plan.conflicts]
    cached = {
        path
        for path in changed
        if path in plan.files and not _asks_first(plan.files[path].headers) and rules.of(path).page
    }
    return paths_of(changed, index=site.index, spa=site.spa, cached_pages=cached)


def _asks_first(headers: Headers) -> bool:
    said = headers.cache_control
    return any(word in said for word in ("no-cache", "no-store", "max-age=0"))
