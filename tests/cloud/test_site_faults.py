"""A deploy over a bad line: the site is exactly the new one, or whole as it was, and it is said which."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployer.aws.session import ATTEMPTS
from deployer.errors import ExitStatus
from deployer.site import claim
from deployer.site.s3 import client
from tests.support.faults import Fault, FaultProxy
from tests.support.s3 import Server
from tests.support.scale import times
from tests.support.site import SiteProject, Visitor
from tests.support.waiting import until


@pytest.fixture
def server(seaweed: Server) -> Server:
    return seaweed


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.005)
    # A command that could not say that it gave up is taken for dead when its process ends; here that goes on.
    monkeypatch.setattr(claim, "PATIENCE", 0.5)
    with FaultProxy(server.endpoint) as started:
        yield started


@pytest.fixture
def project(server: Server, proxy: FaultProxy, tmp_path: Path) -> Iterator[SiteProject]:
    """A site whose commands go over the bad line."""
    with contextlib.closing(SiteProject(tmp_path, server)) as project:
        project.config(endpoint=proxy.endpoint)
        project.build(1)
        project.run("deploy")
        yield project


@pytest.fixture
def direct(project: SiteProject, tmp_path: Path) -> Iterator[SiteProject]:
    """The same bucket over a good one."""
    folder = tmp_path / "direct"
    folder.mkdir()
    with contextlib.closing(SiteProject(folder, project.server, project.bucket)) as direct:
        yield direct


def verified(direct: SiteProject) -> None:
    verdict = direct.run("verify", "--json").json
    assert verdict["ok"], verdict


def test_deploys_over_a_bad_line_are_exact(
    project: SiteProject, direct: SiteProject, proxy: FaultProxy
) -> None:
    with Visitor(direct) as visitor:
        for number in range(2, times(6, 50)):
            project.build(number)
            proxy.chance(0.25, seed=number)
            project.run("deploy")
            if number % 3 == 0:
                project.run("rollback")
            proxy.chance(0.0)
            assert direct.title() == (number - 1 if number % 3 == 0 else number)
            verified(direct)
    assert visitor.faults == []
    assert len(proxy.faults) >= times(10, 100)


def test_who_comes_while_somebody_deploys_is_told_who_that_is(
    project: SiteProject, direct: SiteProject, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "PATIENCE", 30.0)
    project.build(2)
    direct.build(3)
    proxy.delay = 0.5
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(project.accident, "TERM", 10_000, "deploy")  # it has none
        until(lambda: direct.run("status", "--json").json["at_work"], "it is at work")
        told = direct.run("deploy", expect=7).stderr
        proxy.delay = 0.0
        assert first.result() == 0, project.last
    assert "somebody else is at work on the site" in told
    assert "(deploy, since " in told
    assert direct.title() == 2
    verified(direct)


def test_a_deploy_over_a_long_line_is_exact_too(
    project: SiteProject, direct: SiteProject, proxy: FaultProxy
) -> None:
    proxy.delay = 0.15
    with Visitor(direct) as visitor:
        project.build(2)
        project.run("deploy")
        project.run("rollback")
    proxy.delay = 0.0
    assert direct.title() == 1
    verified(direct)
    assert visitor.faults == []


LOST = (Fault.RESET, Fault.DONE_AND_500, Fault.SLOW_DOWN)
STEPS = ("assets/style", "releases/", "icon.svg", "about.html", "index.html", "current.json")
# In `make test` each step is lost once, and each way to lose it comes twice.
CASES = [
    pytest.param(step, fault, marks=() if number % 3 == place % 3 else pytest.mark.soak)
    for number, step in enumerate(STEPS)
    for place, fault in enumerate(LOST)
]


@pytest.mark.parametrize(("path", "fault"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_deploy_that_cannot_get_through_leaves_a_whole_site(
    path: str, fault: Fault, project: SiteProject, direct: SiteProject, proxy: FaultProxy
) -> None:
    project.build(2, {"icon.svg": "<svg>2</svg>"})
    with Visitor(direct) as visitor:
        proxy.next("PUT", *[fault] * ATTEMPTS, path=path)
        done = project.run("deploy", expect=None)
        assert done.status == ExitStatus.CLOUD, project.last
        assert direct.title() in (1, 2)
        project.run("deploy")
        assert direct.title() == 2
        verified(direct)
    assert visitor.faults == []
