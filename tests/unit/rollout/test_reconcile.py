"""What reconciliation mends, decided from a situation alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.edge.state import EdgeState, Occupant, Slot
from deployer.rollout.reconcile import plan_repairs
from deployer.rollout.release import Record
from deployer.rollout.situation import Member, Situation

NOW = 1_000_000.0


def occupant(release: str) -> Occupant:
    return Occupant(release, f"shop-{release}", 8080, "/health")


def member(release: str, status: str = "running", policy: str = "no", role: str = "release") -> Member:
    return Member(f"shop-{release}", role, release, "shop:1", status, policy, 0, "2026-01-01T00:00:00+00:00")


def record(release: str, outcome: str = "succeeded") -> Record:
    return Record(
        f"rollout-{release}",
        "rollout",
        release,
        None,
        f"shop-{release}",
        "shop:1",
        "me",
        "2026-01-01",
        outcome,
    )


def situation(
    *members: Member, live: Slot | None = "blue", ready: tuple[str, ...] = ("blue", "green"), **state: object
) -> Situation:
    """Release r1 serves in blue; r2, if it is there, stands by in green."""
    stored = EdgeState(active="blue", occupants={"blue": occupant("r1")}, warm_until=NOW + 60)
    return Situation(
        edge="running",
        stored=replace(stored, **state),
        live_active=live,
        ready=frozenset(ready),
        members={one.name: one for one in members},
        records=(record("r1"), record("r2")),
    )


R1 = member("r1", policy="always")
BOTH = {"blue": occupant("r1"), "green": occupant("r2")}


def actions(found: Situation) -> list[tuple[str, str]]:
    return [(repair.action, repair.subject) for repair in plan_repairs(found, NOW)]


CASES = {
    "all is well": (situation(R1), []),
    "all is well, with a warm standby": (situation(R1, member("r2"), standby="green", occupants=BOTH), []),
    "a stopped release from before is kept": (situation(R1, member("r2", "exited")), []),
    "a candidate left in its slot": (
        situation(R1, member("r2"), occupants=BOTH),
        [("remove-candidate", "green")],
    ),
    "a container that never served": (
        situation(R1, member("r9", "created")),
        [("remove-container", "shop-r9")],
    ),
    "a hook left over": (
        situation(R1, member("r1-hook", role="hook")),
        [("remove-container", "shop-r1-hook")],
    ),
    "a release that served still runs outside of the slots": (
        situation(R1, member("r2")),
        [("stop-container", "shop-r2")],
    ),
    "a stopped release from before would come back after a reboot": (
        situation(R1, member("r2", "exited", policy="always")),
        [("set-restart-policy", "shop-r2")],
    ),
    "the serving container is stopped": (
        situation(replace(R1, status="exited")),
        [("start-active", "shop-r1")],
    ),
    "the serving container is gone, nothing stands by": (situation(), [("recreate-active", "blue")]),
    "the serving container is gone, the standby serves": (
        situation(member("r2"), standby="green", occupants=BOTH),
        [("promote-standby", "green")],
    ),
    "the switch was not written down": (
        situation(R1, member("r2"), live="green", occupants=BOTH),
        [("serve-stored", "blue"), ("remove-candidate", "green")],
    ),
    "the switch was not written down, and the old one is gone": (
        situation(member("r2"), live="green", occupants=BOTH),
        [("commit-live", "green"), ("set-restart-policy", "shop-r2")],
    ),
    "the standby stopped by itself": (
        situation(R1, member("r2", "exited"), standby="green", occupants=BOTH),
        [("forget-standby", "green")],
    ),
    "the standby's time is over": (
        situation(R1, member("r2"), standby="green", occupants=BOTH, warm_until=NOW - 1),
        [("expire-standby", "green")],
    ),
    "the standby's time is over, and nobody else answers": (
        situation(R1, member("r2"), standby="green", occupants=BOTH, warm_until=NOW - 1, ready=("green",)),
        [],
    ),
    "the serving one would not come back after a reboot": (
        situation(member("r1")),
        [("set-restart-policy", "shop-r1")],
    ),
    "the standby would come back after a reboot": (
        situation(R1, member("r2", policy="always"), standby="green", occupants=BOTH),
        [("set-restart-policy", "shop-r2")],
    ),
    "requests are held by nobody": (replace(situation(R1), holding=True), [("lift-hold", "edge")]),
    "requests are held by an admin": (replace(situation(R1, maintenance=True), holding=True), []),
    "the edge is down": (replace(situation(R1), edge="stopped"), [("start-edge", "edge")]),
    "nothing is there": (Situation(edge="missing", stored=EdgeState()), []),
}


@pytest.mark.parametrize("case", CASES)
def test_repairs(case: str) -> None:
    found, expected = CASES[case]
    assert actions(found) == expected


def test_a_held_recreate_is_undone_in_order() -> None:
    """The host may be too small for both: the candidate goes, the old one starts, the waiting are let go."""
    found = situation(member("r1", "exited", "always"), member("r2"), occupants=BOTH)
    assert actions(replace(found, holding=True)) == [
        ("remove-candidate", "green"),
        ("start-active", "shop-r1"),
        ("lift-hold", "edge"),
    ]
