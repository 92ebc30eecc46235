"""Reading HAProxy's figures."""

from __future__ import annotations

import pytest

from deployer.edge.statistics import Traffic, traffic

HEAD = "# pxname,svname,scur,status,eresp,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,\n"


def test_both_backends_of_a_slot_are_counted_together() -> None:
    app = f"{HEAD}app,blue,3,UP,2,0,90,5,4,1,\napp,green,0,DOWN,0,0,0,0,0,0,\n"
    streams = f"{HEAD}streams,blue,2,UP,0,1,6,0,0,2,\nstreams,green,1,DOWN,0,0,0,0,0,0,\n"
    found = traffic(f"{app}\n{streams}\n")
    assert found["blue"] == Traffic(requests=3, streams=2, errors=3, answers=109, broken=2)
    assert found["green"] == Traffic(streams=1, passing=False, down=True)


@pytest.mark.parametrize(
    ("status", "passing", "down"),
    [
        ("UP", True, False),
        ("UP 2/3", False, False),
        ("DOWN", False, True),
        ("DOWN 1/2", False, True),
        ("MAINT", False, False),
    ],
)
def test_one_failed_check_is_seen_before_the_edge_gives_a_slot_up(
    status: str, passing: bool, down: bool
) -> None:
    found = traffic(f"{HEAD}app,blue,0,{status},0,0,0,0,0,0,\n")["blue"]
    assert (found.passing, found.down) == (passing, down)
