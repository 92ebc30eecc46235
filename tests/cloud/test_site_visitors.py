"""A visitor loads the pages and all they refer to, while releases come, go back, and are killed half-way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.s3 import Server
from tests.support.scale import times
from tests.support.site import SiteProject, Visitor, release_in
from tests.support.waiting import until

MOST_EFFECTS = 60
"""More than any of these commands has: the strikes end when a command runs to its end."""


@pytest.fixture
def server(seaweed: Server) -> Server:
    return seaweed


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Iterator[SiteProject]:
    with contextlib.closing(SiteProject(tmp_path, server)) as project:
        project.build(1)
        project.run("deploy")
        yield project


def visited(visitor: Visitor, more: int = 1) -> None:
    """Wait for further whole visits."""
    goal = visitor.visits + more + 1  # one may have begun before
    until(lambda: visitor.visits >= goal, "the visitor goes on")


def test_deploys_and_rollbacks_lose_nobody(project: SiteProject) -> None:
    deploys = times(6, 50)
    with Visitor(project) as visitor:
        for number in range(2, deploys + 2):
            project.build(number)
            project.run("deploy")
            assert project.title() == number
            if number % 3 == 0:
                project.run("rollback")
                assert project.title() == number - 1
            visited(visitor)
    assert visitor.faults == []
    assert len(visitor.releases) >= deploys


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_a_deploy_that_is_struck_before_each_effect(project: SiteProject, signal: str) -> None:
    """The site is whole in between, and the next command, whichever it is, leaves one release."""
    number, whole, struck = 2, 1, 0
    with Visitor(project) as visitor:
        # In `make test` each signal visits its own sixth of the moments.
        for strike in range(1 if signal == "KILL" else 4, MOST_EFFECTS, times(6, 1)):
            project.build(number)
            code = project.accident(signal, strike, "deploy")
            if code == 0:
                break
            struck += 1
            assert code == {"KILL": -9, "TERM": 143}[signal], f"struck at {strike}: {project.last}"
            visited(visitor)
            if signal == "TERM":
                assert project.title() in (whole, number)
            if strike % 2:
                project.build(number + 1)
            project.run("deploy")
            number = whole = project.title()
            verified(project)
            number += 1
        else:
            raise AssertionError(f"a deploy has more than {MOST_EFFECTS} effects")
    assert struck >= 2
    assert visitor.faults == []


def test_a_rollback_that_is_killed_before_each_effect(project: SiteProject) -> None:
    project.build(2)
    project.run("deploy")
    with Visitor(project) as visitor:
        for strike in range(1, MOST_EFFECTS, times(4, 1)):
            code = project.accident("KILL", strike, "rollback")
            visited(visitor)
            if code == 0:
                break
            assert code == -9, f"struck at {strike}: {project.last}"
            if strike % 3 == 0:
                project.run("prune")  # puts back what serves
                verified(project)
            project.run("deploy")
            assert project.title() == 2
            verified(project)
        else:
            raise AssertionError(f"a rollback has more than {MOST_EFFECTS} effects")
    assert project.title() == 1
    assert visitor.faults == []
    verified(project)


def test_a_first_deploy_that_is_killed_is_finished_by_the_next(server: Server, tmp_path: Path) -> None:
    for strike in (1, 3, 5, 8)[:: times(2, 1)]:
        folder = tmp_path / str(strike)
        folder.mkdir()
        with contextlib.closing(SiteProject(folder, server)) as project:
            project.build(1)
            assert project.accident("KILL", strike, "deploy") == -9
            project.run("deploy")
            verified(project)
            assert project.title() == 1


def test_old_tabs_find_their_chunks_while_their_release_is_retained(project: SiteProject) -> None:
    project.config(keep_releases=2)
    chunks = {key for key in project.there() if key.startswith("assets/")}
    project.build(2)
    project.run("deploy")
    assert chunks <= set(project.there())
    project.build(3)
    project.run("deploy")
    assert chunks.isdisjoint(project.there())
    assert release_in(project.store, "about.html") == 3


def verified(project: SiteProject) -> None:
    """The site is one release, to the last byte, and nobody is at work."""
    verdict = project.run("verify", "--json").json
    assert verdict["ok"], verdict
    assert project.run("status", "--json").json["at_work"] is None
