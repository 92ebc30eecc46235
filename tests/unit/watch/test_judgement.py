"""Looks, one after the other, and what is told after each: from data alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from deployer.config.reading import made
from deployer.config.sections.watch import Watch
from deployer.doctor.finding import Severity
from deployer.events import ConditionChanged
from deployer.watch.condition import OUTSIDE, Condition, Counts, Key, Sight
from deployer.watch.judgement import Known, Verdict, judge

WELL, BAD, WORSE = Severity.OK, Severity.WARNING, Severity.ERROR
DISK = Key("web1", "facts", "disk", "/")
SERVICE = Key("web1", "service", "service")
HOSTS = frozenset({"web1"})
MINUTE = 60.0


class Looks:
    """Looks a minute apart; `told` is what each had to tell, as (what, state)."""

    def __init__(self, **watch: Any) -> None:
        self.watch = made(Watch, watch)
        self.known = Known()
        self.now = 1_000_000.0
        self.changes: tuple[ConditionChanged, ...] = ()

    def sight(self, sight: Sight) -> Verdict:
        self.now += MINUTE
        verdict = judge(self.known, sight, self.watch, self.now)
        self.known, self.changes = verdict.known, verdict.changes
        return verdict

    def see(self, *found: tuple[Key, Severity], **more: Any) -> list[tuple[str, str]]:
        conditions = tuple(Condition(key, severity, f"{key.label} seen") for key, severity in found)
        self.sight(Sight(HOSTS, conditions, **more))
        return [(change.what, change.state) for change in self.changes]

    def count(self, **counts: Any) -> list[tuple[str, str]]:
        return self.see(counts={"web1": Counts(**counts)})

    def row(self, key: Key, severities: Sequence[Severity]) -> list[list[str]]:
        return [[state for _, state in self.see((key, severity))] for severity in severities]


def test_what_is_well_is_not_told() -> None:
    assert Looks().row(DISK, [WELL, WELL, WELL]) == [[], [], []]


def test_two_looks_in_a_row_are_told_once_and_so_is_recovery() -> None:
    looks = Looks()
    assert looks.row(DISK, [WELL, BAD, BAD, BAD, WELL, WELL, WELL]) == [
        [], [], ["warning"], [], [], ["ok"], [],
    ]  # fmt: skip


def test_a_single_bad_look_is_nothing() -> None:
    assert Looks().row(DISK, [BAD, WELL, BAD, WELL, BAD, BAD]) == [[], [], [], [], [], ["warning"]]


def test_a_single_well_look_is_no_recovery() -> None:
    assert Looks(looks=2).row(DISK, [BAD, BAD, WELL, BAD, WELL, BAD]) == [[], ["warning"], [], [], [], []]


def test_looks_can_be_one() -> None:
    assert Looks(looks=1).row(DISK, [BAD, BAD, WELL, WELL]) == [["warning"], [], ["ok"], []]


def test_what_gets_worse_is_told_and_what_gets_a_little_better_is_not() -> None:
    assert Looks(looks=1).row(DISK, [BAD, WORSE, BAD, WORSE, WELL]) == [
        ["warning"], ["error"], [], [], ["ok"],
    ]  # fmt: skip


def test_the_words_of_a_change() -> None:
    looks = Looks(looks=2)
    looks.row(SERVICE, [WORSE, WORSE])
    (change,) = looks.changes
    assert (change.host, change.what, change.state, change.level) == ("web1", "service", "error", "error")
    assert change.sentence() == "web1: service: service seen"
    assert change.since == "1970-01-12T13:47:40+00:00"  # when it was seen first, not when it was told
    assert change.seconds == MINUTE
    looks.row(SERVICE, [WELL, WELL])
    (change,) = looks.changes
    assert change.level == "info"
    # As long as it was bad: up to the first look that saw it well.
    assert change.sentence() == "web1: service is well again after 2 min: service seen"
    assert change.as_dict()["event"] == "condition_changed"


def test_what_is_gone_is_well_again() -> None:
    looks = Looks(looks=1)
    assert looks.see((DISK, BAD)) == [("disk", "warning")]
    assert looks.see() == [("disk", "ok")]
    assert looks.changes[0].sentence() == "web1: disk / is well again after 60 s"


def test_what_cannot_be_seen_stays_as_it_was() -> None:
    looks = Looks(looks=1)
    away = (Key("web1", "host", "host"), WORSE)
    blind = frozenset({("web1", "facts"), ("web1", "engine"), ("web1", "service")})
    assert looks.see((DISK, BAD)) == [("disk", "warning")]
    assert looks.see(away, blind=blind) == [("host", "error")]
    assert looks.see(away, blind=blind) == []
    assert looks.see((DISK, BAD)) == [("host", "ok")]
    assert looks.see() == [("disk", "ok")]


def test_a_host_that_left_the_config_is_forgotten() -> None:
    looks = Looks(looks=1)
    looks.see((DISK, BAD), counts={"web1": Counts(oom=1)}, serving=HOSTS)
    verdict = looks.sight(Sight(frozenset({"web2"})))
    assert verdict.changes == ()
    assert verdict.known.records == {}
    assert set(verdict.known.counts) == {"web2"}
    assert verdict.known.serving == frozenset()


def test_a_service_that_vanished_is_told() -> None:
    looks = Looks(looks=1)
    assert looks.see() == []  # nothing has ever been deployed
    assert looks.see((SERVICE, WELL), serving=HOSTS) == []
    assert looks.see(blind=frozenset({("web1", "service")})) == []
    assert looks.see() == [("service", "error")]
    assert "gone" in looks.changes[0].evidence
    assert looks.see() == []
    assert looks.see((SERVICE, WELL), serving=HOSTS) == [("service", "ok")]


def test_reminders() -> None:
    looks = Looks(looks=1, remind="3m")
    assert looks.row(DISK, [BAD, BAD, BAD, BAD, BAD]) == [["warning"], [], [], ["warning"], []]
    assert not looks.changes
    looks.row(DISK, [BAD, BAD])
    assert looks.changes[0].reminder
    assert looks.changes[0].sentence().endswith("(for 6 min now)")


def test_what_comes_and_goes_has_to_be_well_for_long() -> None:
    looks = Looks(looks=1, quiet="10m")
    told = [state for states in looks.row(DISK, [BAD, WELL] * 8) for state in states]
    assert told == ["warning", "ok", "warning", "ok", "warning"]
    assert looks.row(DISK, [WELL] * 11)[-2:] == [["ok"], []]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("disk", []), ("disk /", []), ("disk /var*", ["warning"]), ("d*", []), ("swap", ["warning"])],
)
def test_what_is_ignored(pattern: str, told: list[str]) -> None:
    looks = Looks(looks=1, ignore=[pattern])
    assert looks.row(DISK, [BAD]) == [told]
    assert looks.sight(Sight(HOSTS, (Condition(DISK, BAD, "x"),))).bad == bool(told)


def test_what_is_asked_from_outside_belongs_to_no_host() -> None:
    looks = Looks(looks=1)
    page = Key(OUTSIDE, "outside", "url", "https://shop.example.org/")
    assert looks.see((page, WORSE)) == [("url", "error")]
    assert looks.changes[0].sentence() == "url: url https://shop.example.org/ seen"
    assert looks.see() == []  # it is not asked any more
    assert looks.known.records == {}


def test_bad_is_about_now_not_about_what_is_told() -> None:
    looks = Looks(looks=3)
    assert looks.sight(Sight(HOSTS, (Condition(DISK, BAD, "x"),))).bad
    assert not looks.sight(Sight(HOSTS, (Condition(DISK, WELL, "x"),))).bad


# -- what is counted -----------------------------------------------------------------------------------------


def test_kills_for_memory_are_told_at_once_and_well_after_a_quiet_time() -> None:
    looks = Looks(quiet="3m")
    assert looks.count(oom=7) == []  # they were before we looked first
    assert looks.count(oom=7) == []
    assert looks.count(oom=9) == [("oom", "error")]
    assert "has killed 2 process" in looks.changes[0].evidence
    assert [looks.count(oom=9) for _ in range(5)] == [[], [], [], [("oom", "ok")], []]


def test_more_of_them_in_the_quiet_time_are_not_told_again() -> None:
    looks = Looks(quiet="2m")
    assert [looks.count(oom=count) for count in (0, 1, 1, 2, 2, 2, 2)] == [
        [], [("oom", "error")], [], [], [], [], [("oom", "ok")],
    ]  # fmt: skip


def test_a_reboot_begins_to_count_anew() -> None:
    looks = Looks()
    assert [looks.count(oom=count) for count in (9, 0)] == [[], []]
    assert looks.count(oom=1) == [("oom", "error")]
    looks = Looks()
    assert looks.count(oom=9) == []
    assert looks.count(oom=2) == [("oom", "error")]


def test_restarts_belong_to_a_container_not_to_its_name() -> None:
    looks = Looks()
    assert looks.count(restarts={"shop-1": ("a", 5)}) == []
    assert looks.count(restarts={"shop-1": ("a", 5)}) == []
    assert looks.count(restarts={"shop-1": ("b", 0)}) == []
    assert looks.count(restarts={"shop-1": ("b", 1)}) == [("restarts", "warning")]
    assert looks.changes[0].subject == "shop-1"
    assert looks.count(restarts={"shop-1": ("b", 1), "new": ("c", 2)}) == [("restarts", "warning")]
    assert looks.changes[0].evidence.startswith("new died and was restarted 2 time(s)")


def test_a_container_that_dies_all_the_time_is_told_once() -> None:
    looks = Looks(looks=1, quiet="5m")
    key = Key("web1", "engine", "restarts", "shop-1")
    told = []
    for count in range(1, 7):
        found = [(key, WORSE)] if count % 2 else []
        told += looks.see(*found, counts={"web1": Counts(restarts={"shop-1": ("a", count)})})
    assert told == [("restarts", "error")]


def test_answers_of_5xx() -> None:
    looks = Looks(max_errors=5, max_error_rate=0.05, quiet="1m")
    assert looks.count(errors=100, answers=1000) == []
    assert looks.count(errors=105, answers=1010) == []  # five are forgiven
    assert looks.count(errors=111, answers=2010) == []  # six of a thousand too
    assert looks.count(errors=171, answers=3010) == [("errors", "error")]
    assert looks.changes[0].evidence == "60 of 1000 requests were answered with 5xx since the last look"
    assert looks.count(errors=171, answers=3010) == []
    assert looks.count(errors=171, answers=4010) == [("errors", "ok")]


def test_an_edge_that_began_anew() -> None:
    looks = Looks()
    looks.count(errors=3, answers=1000)
    assert looks.count(errors=4, answers=20) == []
    assert looks.count(errors=14, answers=30) == [("errors", "error")]
    looks = Looks()
    looks.count(errors=3, answers=1000)
    assert looks.count(errors=20, answers=20) == [("errors", "error")]
    assert looks.changes[0].evidence.startswith("20 of 20")


def test_maintenance_is_no_failure() -> None:
    looks = Looks()
    looks.count(errors=0, answers=100)
    assert looks.count(errors=100, answers=200, maintenance=True) == []
    assert looks.count(errors=200, answers=300, maintenance=False) == []  # until it was switched off
    assert looks.count(errors=300, answers=400, maintenance=False) == [("errors", "error")]


def test_counts_that_could_not_be_seen_go_on_from_before() -> None:
    looks = Looks()
    looks.count(oom=1, errors=0, answers=10)
    looks.see(blind=frozenset({("web1", "facts"), ("web1", "service")}))
    assert looks.count(oom=2, errors=0, answers=10) == [("oom", "error")]
