"""What makes a release that serves a bad one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from deployer.config.schema import Config
from deployer.edge.statistics import Traffic
from deployer.host.engine import Engine
from deployer.rollout.watch import Watch

BEGAN = "2026-11-28T10:00:00.123456789Z"
UP, FAILING, DOWN = Traffic(), Traffic(passing=False), Traffic(passing=False, down=True)


class Told:
    """An engine with one container, of which it says what it is told to."""

    def __init__(self, **state: Any) -> None:
        self.there = True
        self.state = {"Running": True, "ExitCode": 0, "OOMKilled": False, "StartedAt": BEGAN, **state}
        self.happened: list[dict[str, Any]] = []

    def container(self, name: str) -> dict[str, Any] | None:
        return {"Id": name, "State": dict(self.state)} if self.there else None

    def events(self, name: str, actions: Sequence[str], *, since: str) -> list[dict[str, Any]]:
        assert since == BEGAN
        return [event for event in self.happened if event["Action"] in actions]

    def restart(self, code: int, *, starved: bool = False) -> None:
        self.state["StartedAt"] = "2026-11-28T10:00:02.5Z"
        self.happened += [{"Action": "oom", "Actor": {"Attributes": {}}}] if starved else []
        self.happened += [{"Action": "die", "Actor": {"Attributes": {"exitCode": str(code)}}}]


class Looks:
    """A watch whose time passes as it is told."""

    def __init__(self, told: Told | None = None, *, before: Traffic = UP, **config: Any) -> None:
        self.told = told or Told()
        self.now = 100.0
        service = {"name": "shop", "image": "shop:1", "port": 8080, **config.pop("service", {})}
        parsed = Config.of({"service": service, "rollout": config})
        self.watch = Watch(cast(Engine, self.told), parsed, "shop-r2", before, clock=lambda: self.now)

    def see(self, traffic: Traffic, *, after: float = 0.5) -> str | None:
        self.now += after
        return self.watch.problem(traffic)


@pytest.mark.parametrize(
    ("errors", "answers", "bad"),
    [
        (0, 0, False),
        (1, 1, False),
        (2, 2, True),
        (5, 5, True),
        (2, 3, False),
        (5, 6, False),
        (6, 7, True),
        (6, 100, True),
        (6, 120, False),
        (600, 12000, False),
    ],
)
def test_5xx_are_too_many_by_number_and_share_or_when_they_are_all(
    errors: int, answers: int, bad: bool
) -> None:
    # A slot's counters go on from whoever was in it before.
    looks = Looks(before=Traffic(errors=40, answers=1000))
    problem = looks.see(Traffic(errors=40 + errors, answers=1000 + answers))
    assert problem == (f"answered {errors} of {answers} requests with 5xx" if bad else None)


def test_however_many_are_forgiven_nothing_but_5xx_is_not() -> None:
    assert Looks(max_errors=1000).see(Traffic(errors=9, answers=9)) == "answered 9 of 9 requests with 5xx"
    assert Looks(max_errors=0, max_error_rate=1).see(Traffic(errors=9, answers=9)) is None


def test_requests_without_an_answer_are_as_bad_unless_it_has_died() -> None:
    looks = Looks(before=Traffic(answers=100, broken=7))
    said = "answered 1 of 20 requests with 5xx, and 6 not at all"
    broken = Traffic(errors=1, answers=114, broken=13)
    assert looks.see(broken, after=0.1) is None
    assert looks.see(broken, after=0.3) is None
    assert looks.see(broken, after=0.2) == said
    assert looks.see(Traffic(answers=500, broken=13), after=0.1) is None, "they were few"
    assert looks.see(broken, after=0.1) is None
    looks.told.state |= {"Running": False, "ExitCode": 3}
    assert looks.see(broken, after=0.3) == "exited with code 3"


def test_a_slot_that_the_edge_has_given_up_for_a_second_is_bad() -> None:
    looks = Looks()
    assert looks.see(FAILING) is None
    assert looks.see(DOWN) is None
    assert looks.see(DOWN) == "passed no health check for 1 s on end"


def test_a_missed_check_and_a_hiccup_are_forgiven() -> None:
    looks = Looks()
    for _ in range(9):
        # As long as the edge still sends it requests, it is not for us to be stricter.
        assert looks.see(FAILING) is None
    assert looks.see(UP) is None
    assert looks.see(DOWN) is None
    assert looks.see(DOWN) is None
    assert looks.see(UP) is None
    assert looks.see(DOWN, after=9) is None
    assert looks.see(DOWN, after=9) is None, "nobody has looked in between"


def test_a_container_that_lives_has_no_problem() -> None:
    assert Looks().see(UP) is None
    # Killed and restarted long ago: the engine may go on saying so.
    assert Looks(Told(OOMKilled=True)).see(UP) is None


def test_what_became_of_a_container_is_said() -> None:
    looks = Looks()
    looks.told.state |= {"Running": False, "ExitCode": 3}
    assert looks.see(UP) == "exited with code 3"
    looks.told.there = False
    assert looks.see(UP) == "was removed by somebody"


def test_between_two_restarts_it_is_dead_too() -> None:
    looks = Looks()
    looks.told.state |= {"Restarting": True, "ExitCode": 1}
    looks.told.happened += [{"Action": "die", "Actor": {"Attributes": {"exitCode": "1"}}}]
    assert looks.see(UP) == "exited with code 1 and was restarted"


def test_the_engine_remembers_what_a_restarted_container_died_of() -> None:
    looks = Looks()
    looks.told.restart(4)
    assert looks.see(UP) == "exited with code 4 and was restarted"
    starved = Looks(service={"memory": "64m"})
    starved.told.restart(137, starved=True)
    assert starved.see(UP) == "was killed for want of memory (service.memory is 64 MB)"
    killed = Looks()
    killed.told.restart(137)
    assert killed.see(UP) == "was killed (exit code 137), as for want of memory"
    forgotten = Looks()
    forgotten.told.restart(4)
    forgotten.told.happened.clear()
    assert forgotten.see(UP) == "died and was restarted"


def test_a_container_killed_for_memory_and_not_restarted_says_so_itself() -> None:
    looks = Looks()
    looks.told.state |= {"Running": False, "ExitCode": 137, "OOMKilled": True}
    assert looks.see(UP) == "was killed for want of memory"


def test_how_it_died_is_said_rather_than_what_it_answered() -> None:
    looks = Looks()
    looks.told.state |= {"Running": False, "ExitCode": 3}
    assert looks.see(Traffic(errors=9, answers=9)) == "exited with code 3"
