"""Which release a rollback goes back to."""

from __future__ import annotations

import pytest

from deployer.errors import UsageError
from deployer.site.manifest import Pointer, Record
from deployer.site.rollback import choose

FIRST = Record("20261127-1000-aa", "2026", "me", 1, 1)
GIVEN_UP = Record("20261127-1100-bb", "2026", "me", 0, 0, complete=False)
SECOND = Record("20261128-1000-cc", "2026", "me", 1, 1, previous=FIRST.id)
THIRD = Record("20261128-1200-dd", "2026", "me", 1, 1, previous=FIRST.id)
POINTER = Pointer(THIRD.id, "2026", (THIRD, SECOND, GIVEN_UP, FIRST))


@pytest.mark.parametrize(
    ("to", "chosen"),
    [
        (None, FIRST),  # what served before, though another is newer
        (SECOND.id, SECOND),
        ("20261127", FIRST),  # the one that was given up does not count
        ("20261128-10", SECOND),
    ],
)
def test_it_is_the_one_before_or_the_one_that_is_named(to: str | None, chosen: Record) -> None:
    assert choose(POINTER, to) == chosen


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("20261128", "'20261128' is the beginning of several releases"),
        ("2025", "there is no release '2025' of the site"),
        (GIVEN_UP.id, f"there is no release '{GIVEN_UP.id}' of the site"),
    ],
)
def test_a_name_that_is_not_clear_is_refused_with_those_that_are(to: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        choose(POINTER, to)
    assert refused.value.message == said
    assert refused.value.details == (THIRD.id, SECOND.id, FIRST.id)


def test_a_first_release_has_none_before_it() -> None:
    with pytest.raises(UsageError, match="there is no release before the one that serves"):
        choose(Pointer(FIRST.id, "2026", (FIRST,)), None)


def test_where_what_served_before_is_gone_the_next_older_one_is_taken() -> None:
    pointer = Pointer(THIRD.id, "2026", (THIRD, SECOND, GIVEN_UP))
    assert choose(pointer, None) == SECOND
