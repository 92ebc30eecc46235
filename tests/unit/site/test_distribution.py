"""What a distribution is asked to forget, and what is said where it does not say that it has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from msgspec.structs import replace

from deployer.config.reading import made
from deployer.config.sections.site import Site
from deployer.errors import CloudForbidden
from deployer.events import Event, Warned
from deployer.site.distribution import Distribution, wanted_invalidation
from deployer.site.facts import Facts
from deployer.site.invalidation import Invalidation, Used
from deployer.site.manifest import Pending, Pointer
from deployer.site.plan import Plan
from deployer.site.store import Store
from deployer.site.work import SiteOperation

SITE = made(Site, {"bucket": "shop-site"})


class Cdn:
    """A distribution of which nobody may say whether it is done, or that never is."""

    def used(self) -> Used:
        return Used()

    def __init__(self, refusal: Exception | None) -> None:
        self.refusal = refusal

    def wait(self, request: str, seconds: float) -> bool:
        if self.refusal:
            raise self.refusal
        return False


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (None, "I1 is not done after 600 s; the distribution goes on by itself"),
        (
            CloudForbidden("no right to look"),
            "whether I1 is done cannot be seen: no right to look; the distribution goes on by itself",
        ),
    ],
)
def test_a_distribution_that_does_not_say_that_it_is_done_is_warned_of(
    tmp_path: Path, refusal: Exception | None, said: str
) -> None:
    told: list[Event] = []
    operation = SiteOperation(
        SITE,
        tmp_path,
        cast(Store, None),
        told.append,
        cast(Distribution, Cdn(refusal)),
    )
    assert not operation.forgotten("I1")
    assert told == [Warned(said)]
    assert replace(operation, distribution=None).forgotten("I1")


@pytest.mark.parametrize(
    ("changed", "asked"), [([], ("/a.html",)), (["b.html"], ("/a.html", "/b.html"))], ids=["same", "more"]
)
def test_what_a_killed_command_did_not_get_to_say_is_wanted(
    changed: list[str], asked: tuple[str, ...]
) -> None:
    """Under its own reference, where it may have been said already and nothing is to be added."""
    left = Pending("r", "deploy", "finishing", "me", "2026", "t", invalidate=("/a.html",), reference="r-t")
    facts = cast(Facts, SimpleNamespace(pointer=Pointer("r", "2026", (), left)))
    plan = Plan(files={}, present=0)
    plan.changed += changed
    cdn = cast(Distribution, Cdn(None))
    assert wanted_invalidation(SITE, cdn, facts, plan) == (Invalidation(asked, 0.0), "" if changed else "r-t")
    assert wanted_invalidation(SITE, None, facts, plan) == (Invalidation((), 0.0), "")
