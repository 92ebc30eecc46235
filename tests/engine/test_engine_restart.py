"""The engine itself dies, is restarted, or is restarted in the middle of a rollout.

What is lost is bounded by how long the engine takes; the reports are printed (`pytest -rP`).
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from docker import DockerClient

from benchmarks.load import LIGHT, Load, Report
from deployer.config.schema import Config
from deployer.events import Event
from deployer.host.engine import Engine
from deployer.image.edge import edge_image
from deployer.image.store import store_image
from tests.support.dist import build
from tests.support.images import BASE
from tests.support.names import free_port
from tests.support.project import Project
from tests.support.scale import times
from tests.support.second_engine import SecondEngine, subnet, sweep
from tests.support.standing import version_in
from tests.support.waiting import until

pytestmark = pytest.mark.root

MIX = replace(LIGHT, slow_path="/slow?s=0.5", stream_path="/stream?s=1", upload_seconds=0.5)
ENDINGS = {"refused", "reset", "no-answer", "idle-race", "cut"}


def silent(event: Event) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def second(engine: DockerClient, shop: str) -> Iterator[SecondEngine]:
    sweep()
    before = docker0()
    first = Engine()
    config = Config.of({"service": {"name": "x", "image": shop, "port": 8080}})
    edge = edge_image(first, config, silent)
    store = store_image(first, BASE, silent)
    first.close()
    second = SecondEngine()
    try:
        second.start()
        second.copy(engine, shop, edge, store)
        second.client.images.get(edge).tag("edge", "copied")
        yield second
    finally:
        second.remove()
    assert docker0() == before, "the machine's own engine has lost its bridge"


@pytest.fixture(scope="module")
def project(second: SecondEngine, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A service on the second engine: version 2, with version 1 as its standby, and others later."""
    project = Project(second.client, tmp_path_factory.mktemp("project"), shop)
    project.keep_orders()
    project.config(
        # An engine that is told to end waits so long for a candidate that is still booting and hears nothing.
        service={"stop_timeout": "3s"},
        edge={"image": "edge:copied", "subnet": subnet(project.port)},
        rollout={"observe": "0s"},
        host={"docker": second.address},
    )
    try:
        for number in ("1", "2"):
            project.run("rollout", "--set", f"service.env.V={number}")
        yield project
    finally:
        project.remove()


def docker0() -> str:
    """The bridge of the machine's own engine: its number, where there is one."""
    index = Path("/sys/class/net/docker0/ifindex")
    return index.read_text() if index.exists() else ""


@pytest.fixture
def site(second: SecondEngine, shop: str, tmp_path: Path) -> Iterator[Project]:
    """A site in a store of its own on the second engine."""
    project = Project(second.client, tmp_path, shop)
    project.config(
        edge={"image": "edge:copied", "subnet": subnet(project.port), "base": BASE},
        host={"docker": second.address},
        site={"bucket": "shop-site", "store": {"port": free_port()}},
        rollout={"observe": "0s"},
    )
    build(tmp_path / "dist", "1")
    try:
        yield project
    finally:
        project.remove()


def version(project: Project) -> str | None:
    try:
        return requests.get(project.url, timeout=30).headers.get("x-version")
    except requests.ConnectionError:
        return None


def starts(project: Project) -> dict[str, str]:
    """When those containers were started that the engine starts again: the edge, and who serves."""
    labels = {"label": f"deployer.service={project.name}"}
    found = [each.attrs for each in project.client.containers.list(filters=labels)]
    return {
        each["Name"]: each["State"]["StartedAt"]
        for each in found
        if each["HostConfig"]["RestartPolicy"]["Name"] == "always"
    }


def back(project: Project, serving: str | None, before: Mapping[str, str]) -> None:
    """Wait until the engine has started all of these again, one after the other, and the service answers."""

    def started() -> bool:
        now = starts(project)
        return all(name in now and now[name] != at for name, at in before.items())

    until(started, "all have been started again")
    until(lambda: version(project) == serving, "it is back by itself")


Absence = tuple[float, float]
"""From when the engine was ended until the service was seen to be back, on `time.monotonic()`'s clock."""


def bounded(report: Report, absences: Sequence[Absence], what: str) -> None:
    """Lost is what was cut off and what found nobody, and nothing before or after."""
    sys.stdout.write(f"{what}: {report.summary()}\n")
    found = 0
    for left, came in absences:
        lost = [each for each in report.lost if left <= report.began + each.at <= came]
        found += len(lost)
        # An edge that dies after the release can still say that nobody is there; one that comes back waits.
        away = max((each.at for each in lost if each.reason == "refused"), default=came)
        others = [each for each in lost if not (each.reason == "5xx" and each.at <= away)]
        assert {each.reason for each in others} <= ENDINGS, report.summary()
    assert found == len(report.lost), report.summary()
    assert not report.doubled, report.summary()
    assert not report.missing, report.summary()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM][: times(1, 2)])
def test_after_an_engine_restart_the_service_is_back_and_deploys(
    project: Project, second: SecondEngine, number: signal.Signals
) -> None:
    serving, warm = version(project), version_in(project, "previous")
    absences = []
    following = f"after-{number.name}"
    with Load(project.url, MIX) as load:
        for _ in range(times(1, 5)):
            load.wait_for_more(50)
            before, left = starts(project), time.monotonic()
            assert len(before) == 2
            second.end(number)
            if number == signal.SIGKILL:
                load.wait_for_more(50)  # containers do not need the engine to go on
            second.start()
            load.wait(lambda seen: bool(seen.lost))
            load.wait_for_more(50)
            back(project, serving, before)
            absences.append((left, time.monotonic()))
        result = project.json("rollout", "--set", f"service.env.V={following}")
        load.wait_for_version(following)
    bounded(load.report(), absences, f"engine ended with {number.name}")
    # They end one after the other; in between, the edge falls back to the warm one.
    seen = {span.version for span in load.report().versions} - {warm}
    assert seen == {serving, following}
    assert result["outcome"] == "succeeded"
    assert project.status()["recovery_needed"] == []
    assert project.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL][: times(1, 2)])
def test_an_engine_restart_in_the_middle_of_a_rollout(
    project: Project, second: SecondEngine, number: signal.Signals
) -> None:
    serving, before = version(project), starts(project)
    assert len(before) == 2
    following = f"again-{number.name}"
    with Load(project.url, MIX) as load:
        load.wait_for_more(20)
        late = ("--set", "service.env.V=late", "--set", "service.env.BOOT_SECONDS=60")
        rollout = project.start("rollout", *late)
        until(lambda: (project.status()["candidate"] or {}).get("status") == "running", "the candidate runs")
        left = time.monotonic()
        second.end(number)
        try:
            said = rollout.finish(expect=None)
        finally:
            second.start()
        assert rollout.returncode in (4, 7, 9), said
        back(project, serving, before)
        came = time.monotonic()
        project.run("recover")
        assert project.leftovers() == [], said
        load.wait_for_more(20)
        project.run("rollout", "--set", f"service.env.V={following}")
        load.wait_for_version(following)
    bounded(load.report(), [(left, came)], f"engine ended with {number.name} during a rollout")
    assert {span.version for span in load.report().versions} == {serving, following}
    assert project.leftovers() == []


def test_the_sites_store_keeps_what_it_has_through_engine_restarts(
    site: Project, second: SecondEngine
) -> None:
    site.run("site", "deploy", timeout=180)
    site.run("rollout")
    before = site.json("site", "status")
    for number in (signal.SIGKILL, signal.SIGTERM)[: times(1, 2)]:
        second.end(number)
        second.start()
        until(lambda: "version 1" in answer(site), "page and API are back by themselves")
        after = site.json("site", "status")
        assert after == before
    assert site.json("site", "deploy")["outcome"] == "unchanged"
    build(site.folder / "dist", "2")
    site.run("site", "deploy")
    assert "version 2" in answer(site)
    assert site.json("site", "verify")["faults"] == []


def answer(project: Project) -> str:
    """The site's page, once the API answers too; empty before."""
    try:
        page = requests.get(project.url, timeout=30)
        api = requests.get(f"{project.url}/api/x", timeout=30)
    except requests.ConnectionError:
        return ""
    return page.text if page.ok and api.ok else ""
