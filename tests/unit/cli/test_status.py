"""The status as a person reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from deployer.cli.status import text

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def release(**changes: Any) -> dict[str, Any]:
    return {
        "release": "20261122-115500-aaaaaa",
        "image": "shop:2",
        "slot": "blue",
        "since": "2026-11-22T11:55:00+00:00",
        "status": "running",
        "ready": True,
        **changes,
    }


def status(**changes: Any) -> dict[str, Any]:
    edge = {"status": "running", "address": "0.0.0.0:80", "maintenance": False, "holding": False}
    return {
        "service": "shop",
        "active": release(),
        "previous": None,
        "candidate": None,
        "edge": edge,
        "lock": None,
        "recovery_needed": [],
        **changes,
    }


def test_all_is_well() -> None:
    standby = release(release="20261122-110000-bbbbbb", image="shop:1", slot="green")
    standby |= {"warm": True, "warm_until": "2026-11-22T12:30:00+00:00"}
    assert text(status(previous=standby), NOW).splitlines() == [
        "service    shop",
        "active     20261122-115500-aaaaaa  shop:2  blue   ready, up 5 min",
        "previous   20261122-110000-bbbbbb  shop:1  green  ready, kept warm for 30 min",
        "edge       running on 0.0.0.0:80",
        "lock       free",
    ]


def test_there_is_nothing_yet() -> None:
    assert text(status(active=None, edge=None), NOW).splitlines() == [
        "service    shop",
        "active     -",
        "previous   -",
        "edge       none; the first rollout makes it",
        "lock       free",
    ]


def test_somebody_is_at_work() -> None:
    lock = {"who": "kim@build", "command": "rollout", "since": "2026-11-22T11:59:20+00:00"}
    found = text(status(candidate=release(ready=False), lock=lock), NOW)
    assert "candidate  20261122-115500-aaaaaa  shop:2  blue   not ready, up 5 min" in found
    assert "lock       kim@build (rollout, for 40 s)" in found


def test_a_release_that_is_down_is_up_for_no_time() -> None:
    found = text(status(active=release(status="exited", ready=False)), NOW)
    assert found.splitlines()[1].endswith("blue   exited")


def test_what_a_command_left_is_named_with_the_way_out() -> None:
    found = text(status(recovery_needed=["the edge is down"]), NOW)
    assert "! recovery needed: the edge is down\n  -> `deployer recover`" in found


@pytest.mark.parametrize(
    ("state", "said"), [("maintenance", ", in maintenance"), ("holding", ", holding requests")]
)
def test_the_edge_says_why_nobody_is_served(state: str, said: str) -> None:
    found = status()
    found["edge"][state] = True
    assert f"edge       running on 0.0.0.0:80{said}" in text(found, NOW)


@pytest.mark.parametrize(
    ("since", "age"),
    [
        ("2026-11-22T11:59:58+00:00", "2 s"),
        ("2026-11-22T12:00:07+00:00", "0 s"),  # the engine's clock is ahead of ours
        ("2026-11-22T09:00:00+00:00", "3 h"),
        ("2026-11-12T12:00:00+00:00", "10 days"),
    ],
)
def test_times_are_short(since: str, age: str) -> None:
    assert text(status(active=release(since=since)), NOW).splitlines()[1].endswith(f"up {age}")
