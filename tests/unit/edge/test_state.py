"""The edge's memory: what is written is what is read."""

from __future__ import annotations

import pytest

from deployer.edge.configuration import with_slots
from deployer.edge.state import EdgeState, Occupant, from_map, other, to_map
from deployer.edge.statistics import checking_slots, ready_slots, traffic

R1 = Occupant("r1", "shop-r1", 8080, "/health")
R2 = Occupant("r2", "shop-r2", 9090, "/healthz?deep=1")

STATES = {
    "nothing yet": EdgeState(),
    "one serves": EdgeState(active="blue", occupants={"blue": R1}),
    "one stands by": EdgeState(
        active="green", standby="blue", occupants={"blue": R1, "green": R2}, warm_until=1_700_000_000.0
    ),
    "in maintenance": EdgeState(
        active="blue", occupants={"blue": R1}, held_until=1_700_000_000, maintenance=True
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_written_and_read_again(name: str) -> None:
    assert from_map(to_map(STATES[name])) == STATES[name]


@pytest.mark.parametrize("text", ["", "\n\n", "active\n", "active purple\n", "blue /\n"])
def test_what_is_missing_counts_as_absent(text: str) -> None:
    assert from_map(text) == EdgeState()


def test_a_switch_makes_the_serving_one_the_standby_and_back() -> None:
    state = STATES["one serves"].placed("green", R2).switched("green", 5.0)
    assert (state.active, state.standby, state.warm_until) == ("green", "blue", 5.0)
    back = state.switched("blue", 6.0)
    assert (back.active, back.standby) == ("blue", "green")
    assert back.vacated("green").standby is None


def test_only_who_has_served_is_fallen_back_to() -> None:
    candidate = STATES["one serves"].placed("green", R2)
    assert (candidate.weight("blue"), candidate.weight("green")) == (1, 0)
    assert STATES["one stands by"].weight("blue") == 1
    assert candidate.free == "green" == other("blue")


def test_only_the_slots_lines_are_rewritten() -> None:
    text = (
        "backend app\n    # slots: app\n    old\n    # end of slots\n"
        "backend streams\n    # slots: streams\n    # end of slots\nend\n"
    )
    addresses = {"blue": "10.0.0.11", "green": "10.0.0.12"}
    written = with_slots(text, STATES["one stands by"], addresses)  # type: ignore[arg-type]
    assert written == (
        "backend app\n    # slots: app\n"
        "    server blue 10.0.0.11:8080 weight 1 check\n    server green 10.0.0.12:9090 weight 1 check\n"
        "    # end of slots\nbackend streams\n    # slots: streams\n"
        "    server blue 10.0.0.11:8080 weight 1 track app/blue\n"
        "    server green 10.0.0.12:9090 weight 1 track app/green\n    # end of slots\nend\n"
    )
    assert with_slots(written, STATES["one stands by"], addresses) == written  # type: ignore[arg-type]


def test_haproxys_figures_are_read() -> None:
    text = (
        "# pxname,svname,scur,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,\n"
        "app,blue,3,0,10,1,2,4,\napp,green,0,0,0,0,0,0,\n\n"
        "# pxname,svname,scur,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,\n"
        "streams,blue,2,0,5,0,0,1,\nstreams,green,0,,,,,,\n"
    )
    blue = traffic(text)["blue"]
    assert (blue.requests, blue.streams, blue.errors, blue.answers) == (3, 2, 5, 23)


def test_up_without_a_check_is_not_ready() -> None:
    """Leaving maintenance marks a server up before any check: the trap that the gate is there for."""
    text = (
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_check_result\n"
        "3 app 1 blue 10.0.0.11 2 0 3\n3 app 2 green 10.0.0.12 2 0 0\n"
    )
    assert ready_slots(text) == {"blue"}
    assert checking_slots(text) == {"green"}
