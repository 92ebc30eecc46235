"""The history of releases, and what one can go back to."""

from __future__ import annotations

import pytest

from deployer.edge.state import EdgeState, Occupant
from deployer.errors import UsageError
from deployer.rollout.commands import choose_release
from deployer.rollout.release import Record, history, previous_of
from deployer.rollout.situation import Situation


def record(release: str, outcome: str = "succeeded", number: int = 1) -> Record:
    return Record(
        f"{release}-{number}",
        "rollout",
        release,
        None,
        f"shop-{release}",
        "shop:1",
        "me",
        "2026-01-01",
        outcome,
    )


def test_the_last_line_of_a_change_counts() -> None:
    lines = [record("r1", "switched"), record("r2", "switched"), record("r1", "rolled_back")]
    assert [(one.release, one.outcome) for one in history("\n".join(one.line() for one in lines))] == [
        ("r1", "rolled_back"),
        ("r2", "switched"),
    ]


@pytest.mark.parametrize("rest", ['{"id": "r2-1", "kind": "rol', "null", "[]", '{"id": 1}', "\x00"])
def test_a_line_cut_short_by_a_crash_is_passed_over(rest: str) -> None:
    assert [one.release for one in history(record("r1").line() + "\n" + rest)] == ["r1"]


def test_bad_releases_are_nothing_to_go_back_to() -> None:
    records = [record("r1"), record("r2", "rolled_back"), record("r3")]
    assert [one.release for one in previous_of(records, "r3")] == ["r1"]


def situation(*records: Record, active: str, standby: str | None = None) -> Situation:
    occupants = {"blue": Occupant(active, f"shop-{active}", 80, "/")}
    if standby:
        occupants["green"] = Occupant(standby, f"shop-{standby}", 80, "/")
    state = EdgeState(active="blue", standby="green" if standby else None, occupants=occupants)  # type: ignore[arg-type]
    return Situation(edge="running", stored=state, records=records)


def test_the_warm_release_is_the_previous_one() -> None:
    found = situation(record("r1"), record("r2"), record("r3"), active="r3", standby="r1")
    assert choose_release(found, None).release == "r1"


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("r9", "no release begins with 'r9'"),
        ("r", "more than one"),
        ("x3", "serves already"),
        (None, "no previous"),
    ],
)
def test_what_cannot_be_gone_back_to(to: str | None, message: str) -> None:
    records = () if to is None else (record("r1"), record("r2"), record("x3"))
    with pytest.raises(UsageError) as caught:
        choose_release(situation(*records, active="x3"), to)
    assert message in caught.value.message
