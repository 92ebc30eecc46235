"""A container that was started by hand is taken over: what that costs, and that nothing costs more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from docker import DockerClient
from docker.models.containers import Container

from benchmarks.load import LIGHT, MODERATE, Load, Report
from tests.engine.conftest import Variant
from tests.support.accidents import accident
from tests.support.engine import belongings, remove
from tests.support.names import free_port, service_name
from tests.support.project import Project
from tests.support.scale import SOAK
from tests.support.striking import MOST_EFFECTS, points
from tests.support.waiting import until

QUICK = replace(LIGHT, keepalive=8, slow_path="/slow?s=0.5", stream_path="/stream?s=1", upload_seconds=0.5)
ONE_BY_ONE = replace(LIGHT, slow=0, stream=0, upload=0)

Run = Callable[..., Container]


@pytest.fixture
def by_hand(project: Project, engine: DockerClient) -> Iterator[Run]:
    """by_hand(image) -> a container that serves the project's port, as people start them."""
    project.keep_orders()
    project.config(rollout={"observe": "0s"})
    names = []

    def run(image: str, port: int | None = None, **options: Any) -> Container:
        names.append(service_name())
        container = engine.containers.run(
            image,
            name=names[-1],
            detach=True,
            init=True,
            ports={"8080/tcp": port or project.port},
            volumes=[f"{project.name}-data:/data"],
            restart_policy={"Name": "always"},
            **options,
        )
        if port is None:
            until(lambda: version(project), "the container serves")
        container.reload()
        return container

    yield run
    for name in names:
        remove(engine, name)


def containers(project: Project) -> list[str]:
    return [item.name for item in belongings(project.client, project.name) if item.kind == "container"]


def version(project: Project) -> str | None:
    """Who answers at the port; None where nobody does."""
    try:
        return requests.get(project.url, timeout=10).headers.get("x-version")
    except requests.ConnectionError:
        return None


def only_the_gap(report: Report, *, most: int) -> None:
    """Lost is what was in the old container's hands, and what came while nobody listened; nothing else."""
    assert set(report.reasons) <= {"refused", "reset", "cut", "no-answer", "idle-race"}, report.summary()
    assert len(report.lost) <= most, report.summary()
    assert not report.doubled, report.summary()
    assert not report.missing, report.summary()


def test_adopting_costs_what_was_in_flight_and_rollouts_then_cost_nothing(
    project: Project, by_hand: Run, variant: Variant
) -> None:
    old = by_hand(variant(V="1"))
    mix = MODERATE if SOAK else QUICK
    clients = mix.keepalive + mix.oneshot + mix.post + mix.pausing + mix.slow + mix.stream + mix.upload
    with Load(project.url, mix) as load:
        load.wait_for_more(50)
        result = project.json("adopt", old.name or "")
        load.wait_for_more(50)
    assert (result["kind"], result["outcome"], result["previous"]) == ("adopt", "succeeded", None)
    # Each client had one request in flight when its connection was cut, and some in the gap itself, which is
    # as long as a busy machine makes it: three seconds' worth are not a gap any more.
    only_the_gap(load.report(), most=clients + round(3 * mix.rate))

    old.reload()
    assert old.status == "exited"
    assert project.status()["active"]["release"] == result["release"]
    project.config(rollout={"smoke": [{"path": "/", "contains": '"version": "2"'}]})
    with Load(project.url, mix) as load:
        load.wait_for_more(50)
        project.run("rollout", "--image", variant(V="2"))
        load.wait_for_version("2")
        project.run("rollback")
        load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert project.leftovers() == []


def test_only_who_serves_the_port_is_adopted(project: Project, by_hand: Run, shop: str) -> None:
    served = by_hand(shop)
    elsewhere = by_hand(shop, port=free_port())
    done = project.run("adopt", elsewhere.name or "", expect=6)
    assert f"does not publish port {project.port}" in done.stderr
    assert "no running container" in project.run("adopt", "nobody-at-all", expect=6).stderr
    assert containers(project) == []
    project.run("adopt", served.name or "")
    again = project.run("adopt", served.name or "")
    assert "is stopped, not removed" in again.stderr
    served.remove(force=True)
    assert "does not publish port" in project.run("adopt", elsewhere.name or "", expect=6).stderr


def test_what_cannot_be_adopted_is_refused_before_anything_is_touched(
    project: Project, by_hand: Run, shop: str
) -> None:
    old = by_hand(shop)
    adopt = ["adopt", old.name or ""]
    no_memory = project.run(*adopt, "--set", "rollout.memory_free=100t", expect=6)
    assert "not enough memory" in no_memory.stderr
    assert re.search(r"beside .*: [\d.]+ .*B free, 100 T.*B wanted", no_memory.stderr)
    no_secret = project.run(*adopt, "--set", "service.env.KEY=${env:NOT_SET}", expect=3)
    assert "service.env.KEY" in no_secret.stderr
    project.config(service={"volumes": None})
    no_volume = project.run(*adopt, expect=6)
    assert f'  volumes:\n      - "{project.name}-data:/data"' in no_volume.stderr
    assert containers(project) == []
    old.reload()
    assert old.status == "running"


def test_what_the_new_release_will_lack_is_told(
    project: Project, by_hand: Run, shop: str, engine: DockerClient
) -> None:
    old = by_hand(shop, environment={"V": "1", "OWN_TOKEN": "s3cr3t", "GIVEN": "x"})
    network = engine.networks.create(f"{project.name}-database", labels={"deployer.service": project.name})
    network.connect(old)
    project.config(service={"volumes": None, "env": {"GIVEN": "y"}})
    done = project.run("adopt", old.name or "", "--without-volumes")
    assert f"/data of {old.name} is {project.name}-data" in done.stderr
    assert "variables that service.env does not name: OWN_TOKEN\n" in done.stderr
    assert f"service.networks does not name: {network.name}\n" in done.stderr
    assert "s3cr3t" not in done.stderr
    network.remove()


def test_a_failing_candidate_leaves_the_old_container_untouched(
    project: Project, by_hand: Run, variant: Variant
) -> None:
    old = by_hand(variant(V="1"))
    before = old.attrs["State"]["StartedAt"]
    project.config(rollout={"ready_timeout": "1s"})
    with Load(project.url, QUICK) as load:
        load.wait_for_more(50)
        done = project.run("adopt", old.name or "", "--image", variant(V="2", NEVER_READY="1"), expect=8)
        load.wait_for_more(50)
        # Who gives up on adopting is told what stands in the way, and loses nothing by it.
        refused = project.run("rollout", "--image", variant(V="2"), expect=6)
        load.wait_for_more(50)
    assert "was not ready after 1 s" in done.stderr
    assert "deployer adopt" in refused.stderr
    report = load.report()
    assert report.clean, report.summary()
    old.reload()
    assert (old.status, old.attrs["State"]["StartedAt"]) == ("running", before)
    assert old.attrs["HostConfig"]["RestartPolicy"]["Name"] == "always"

    # Without the container in the way, a rollout is enough.
    old.remove(force=True)
    project.config(rollout={"ready_timeout": "30s"})
    project.run("rollout", "--image", variant(V="3"))
    assert version(project) == "3"
    assert project.leftovers() == []


def test_adopting_killed_midway_and_run_again_converges(
    project: Project, by_hand: Run, variant: Variant, engine: DockerClient
) -> None:
    """At each effect of the takeover: before it, the old container serves; after it, the new release does."""
    image = variant(V="1")
    taken = 0
    # The new edge has the port, and not its name yet.
    for strike in points(29):
        old = by_hand(image)
        done = accident(project, "KILL", strike, "adopt", old.name or "")
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        # Alone it goes on, with the old container or the new one.
        until(lambda: version(project) == "1", f"served after the strike at {strike}\n{done.stderr}")
        with Load(project.url, ONE_BY_ONE) as load:
            load.wait_for_more(10)
            result = project.json("adopt", old.name or "")
            load.wait_for_more(10)
        only_the_gap(load.report(), most=round(3 * ONE_BY_ONE.rate))
        taken += load.report().clean
        assert result["outcome"] == "succeeded"
        assert project.leftovers() == [], f"struck at {strike}\n{done.stderr}"
        old.reload()
        assert old.status == "exited"
        remove(engine, old.name or "")
        remove(engine, project.name)
    else:
        assert not SOAK, "adopt has more effects than there are strikes"
    assert taken, "no strike came after the port had changed hands"


def test_an_interrupted_takeover_gives_the_port_back(
    project: Project, by_hand: Run, variant: Variant
) -> None:
    old = by_hand(variant(V="1"))
    given_back = 0
    # The old one has let go of the port's network, and nobody else has the port; and then not at all.
    for strike in points(25, MOST_EFFECTS):
        done = accident(project, "TERM", strike, "adopt", old.name or "")
        if done.returncode == 0:
            break
        assert done.returncode == 143, done.stderr
        assert "cleaning up failed" not in done.stderr
        until(lambda: version(project) == "1", f"served after the strike at {strike}\n{done.stderr}")
        assert not any(name.startswith(f"{project.name}-edge-") for name in containers(project)), done.stderr
        old.reload()
        given_back += old.attrs["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert given_back >= 1
    old.reload()
    assert old.status == "exited"
    assert project.leftovers() == []
