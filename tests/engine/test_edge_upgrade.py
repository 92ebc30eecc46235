"""The edge holds in maintenance and is upgraded, killed and interrupted at it, and nobody loses a request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests
from docker import DockerClient

from benchmarks.load import MODERATE, Load
from tests.engine.conftest import Variant
from tests.support.accidents import accident
from tests.support.execs import execute
from tests.support.names import free_port
from tests.support.project import Project
from tests.support.scale import SOAK, times
from tests.support.standing import QUICK, containers, edge_of, get, kill, retiring, socket_on, tidied, version
from tests.support.waiting import until

# -- maintenance ---------------------------------------------------------------------------------------


def test_maintenance_holds_and_off_lets_everybody_go(serving: Project) -> None:
    with Load(serving.url, MODERATE if SOAK else QUICK) as load:
        load.wait_for_more(50)
        serving.run("edge", "maintenance", "on", "--hold", "60s")
        held = serving.json("edge", "status")
        assert held["maintenance"]
        assert held["holding"]
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(get, f"{serving.url}/")
            # Those in the release's hands end; then nobody gets an answer any more.
            until(lambda: serving.status()["active"]["requests"] == 0, "nothing runs in the release")
            before = load.snapshot().ok
            assert serving.status()["active"]["streams"] is not None
            assert not waiting.done()
            assert load.snapshot().ok <= before + QUICK.stream
            serving.run("edge", "maintenance", "off")
            assert waiting.result().status_code == 200
        load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert not serving.status()["edge"]["maintenance"]


def test_who_waits_when_the_hold_runs_out_is_told_when_to_come_again(serving: Project) -> None:
    serving.run("edge", "maintenance", "on", "--hold", "2s")
    answer = get(serving.url)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    _, text = execute(edge_of(serving), ["sh", "-c", "grep '^until' /edge/state.map; date +%s"])
    end, now = (int(line.split()[-1]) for line in text.decode().splitlines())
    assert now >= end, "not before"
    serving.run("edge", "maintenance", "off")
    assert get(serving.url).status_code == 200


def closed(project: Project, retry_after: str) -> bool:
    """The edge is in maintenance, and its hold is over."""
    try:
        answer = get(project.url)
    except requests.ConnectionError:
        return False
    return answer.status_code == 503 and answer.headers.get("retry-after") == retry_after


def test_maintenance_ends_only_when_an_admin_ends_it(serving: Project, variant: Variant) -> None:
    serving.config(edge={"retry_after": "17s"})
    serving.run("edge", "upgrade")
    serving.run("edge", "maintenance", "on", "--hold", "0s")
    assert closed(serving, "17")
    edge_of(serving).restart(timeout=1)
    until(lambda: closed(serving, "17"), "in maintenance after a restart of the edge")
    for number, strategy in enumerate(("blue-green", "recreate"), 3):
        image = variant(V=str(number))
        result = serving.json("rollout", "--image", image, "--strategy", strategy)
        assert result["outcome"] == "succeeded"
        assert closed(serving, "17"), f"{strategy} has opened what an admin closed"
    serving.config(edge={"retry_after": None})
    serving.run("edge", "upgrade")
    assert closed(serving, "30")
    assert serving.status()["edge"]["maintenance"]

    serving.run("edge", "maintenance", "off")
    assert version(serving.url) == "4"
    edge_of(serving).restart(timeout=1)
    until(lambda: version(serving.url) == "4", "open after a restart of the edge")


# -- upgrade -------------------------------------------------------------------------------------------


def test_upgrades_under_mixed_load_lose_nothing(serving: Project, variant: Variant) -> None:
    first = edge_of(serving).id
    brief = replace(QUICK, rate=150.0, stream_path="/stream?s=5", slow_path="/slow?s=1")
    with Load(serving.url, MODERATE if SOAK else brief) as load:
        load.wait_for_more(100)
        for _ in range(times(1, 20)):
            before = edge_of(serving).id
            serving.run("edge", "upgrade")
            assert edge_of(serving).id != before
            load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert edge_of(serving).id != first
    # Those that had a long answer left go when that has ended, and the next command tidies up.
    tidied(serving)
    # What steers it works as before, the preview route too.
    serving.config(rollout={"smoke": [{"path": "/", "contains": '"version": "3"'}]})
    serving.run("rollout", "--image", variant(V="3"))
    assert version(serving.url) == "3"
    assert serving.leftovers() == []
    _, files = execute(edge_of(serving), ["ls", "/edge"])
    assert len([name for name in files.decode().split() if name.endswith(".cfg")]) == 1


def test_who_stays_connected_through_an_upgrade_waits_for_nothing(serving: Project) -> None:
    """An edge that is being replaced counts no slot as up, which was taken for a service that is away."""
    serving.config(edge={"hold": "10m"}, rollout={"drain": "100ms"})
    serving.run("edge", "upgrade")  # so that it is younger than its patience
    with requests.Session() as session:
        assert session.get(serving.url, timeout=30).headers.get("connection") != "close"
        serving.run("edge", "upgrade")
        assert retiring(serving)
        answer = session.get(serving.url, timeout=30)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close"), "from the old edge"
    tidied(serving)


@pytest.mark.soak
def test_an_edge_that_crashes_while_its_predecessor_still_has_a_stream(
    serving: Project, engine: DockerClient, shop: str
) -> None:
    serving.config(rollout={"drain": "100ms"})
    before = version(serving.url)
    leaving = {"connection": "close"}  # an idle connection would keep the old edge for a minute
    with requests.get(f"{serving.url}/stream?s=15", headers=leaving, stream=True, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        serving.run("edge", "upgrade")
        assert retiring(serving), "the stream runs in the old edge"
        kill(engine, edge_of(serving), shop)
        until(lambda: version(serving.url) == before, "the new edge is back")
        assert b"event: done" in list(lines), "the stream went on in the old edge"
    tidied(serving)
    assert serving.leftovers() == []


def test_a_rollout_right_after_an_upgrade_cuts_nothing_off(serving: Project, variant: Variant) -> None:
    serving.config(rollout={"keep_warm": "0s", "drain": "100ms"})
    before = serving.client.containers.get(serving.status()["active"]["container"])
    leaving = {"connection": "close"}
    with requests.get(f"{serving.url}/stream?s=300", headers=leaving, stream=True, timeout=90) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        serving.run("edge", "upgrade")
        assert retiring(serving), "the stream runs in the old edge"
        rollout = serving.start("rollout", "--image", variant(V="3"))
        until(lambda: "before its upgrade" in rollout.said, "the rollout waits for the old edge")
        before.kill("USR1")
        rollout.finish()
        assert b"event: done" in list(lines), "what runs in the old edge came to its end"
    assert version(serving.url) == "3"
    assert serving.leftovers() == []


def test_an_upgrade_killed_at_each_step_converges(serving: Project) -> None:
    struck = 0
    before = version(serving.url)
    with Load(serving.url, replace(QUICK, stream=0)) as load:
        load.wait_for_more(50)
        for strike in range(times(5, 3), times(6, 100)):
            done = accident(serving, "KILL", strike, "edge", "upgrade")
            if done.returncode == 0:
                break
            struck += 1
            assert done.returncode == -9, done.stderr
            serving.run("recover")
            assert f"{serving.name}-edge-next" not in containers(serving), (
                f"struck at {strike}\n{done.stderr}"
            )
            assert version(serving.url) == before
            load.wait_for_more(10)
    report = load.report()
    assert report.clean, report.summary()
    assert struck >= times(1, 2)
    tidied(serving)
    assert serving.leftovers() == []


def test_an_interrupted_upgrade_leaves_one_edge(serving: Project) -> None:
    with Load(serving.url, replace(QUICK, stream=0)) as load:
        load.wait_for_more(50)
        # From the handover on it is finished rather than undone.
        for strike in (4, 6) if not SOAK else range(3, 7):
            done = accident(serving, "TERM", strike, "edge", "upgrade")
            assert done.returncode == 143, done.stderr
            assert "cleaning up failed" not in done.stderr
            assert f"{serving.name}-edge-next" not in retiring(serving)
            assert serving.status()["recovery_needed"] == []
            load.wait_for_more(10)
    report = load.report()
    assert report.clean, report.summary()


def test_an_edge_that_cannot_start_leaves_the_old_one(serving: Project, shop: str) -> None:
    before, serves = edge_of(serving).id, version(serving.url)
    with socket_on(taken := free_port()):
        done = serving.run("edge", "upgrade", "--set", f"edge.port={taken}", expect=6)
    assert f"0.0.0.0:{taken}" in done.stderr
    assert edge_of(serving).id == before
    assert retiring(serving) == []
    edge_of(serving).restart(timeout=1)
    until(lambda: version(serving.url) == serves, "the old edge restarts as it was")
    assert serving.leftovers() == []
