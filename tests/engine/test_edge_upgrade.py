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


def test_maintenance_holds_and_off_lets_everybody_go(served: Project) -> None:
    with Load(served.url, MODERATE if SOAK else QUICK) as load:
        load.wait_for_more(50)
        served.run("edge", "maintenance", "on", "--hold", "60s")
        held = served.json("edge", "status")
        assert held["maintenance"]
        assert held["holding"]
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(get, f"{served.url}/")
            # Those in the release's hands end; then nobody gets an answer any more.
            until(lambda: served.status()["active"]["requests"] == 0, "nothing runs in the release")
            before = load.snapshot().ok
            assert served.status()["active"]["streams"] is not None
            assert not waiting.done()
            assert load.snapshot().ok <= before + QUICK.stream
            served.run("edge", "maintenance", "off")
            assert waiting.result().status_code == 200
        load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert not served.status()["edge"]["maintenance"]


def test_who_waits_when_the_hold_runs_out_is_told_when_to_come_again(served: Project) -> None:
    served.run("edge", "maintenance", "on", "--hold", "2s")
    answer = get(served.url)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    _, text = execute(edge_of(served), ["sh", "-c", "grep '^until' /edge/state.map; date +%s"])
    end, now = (int(line.split()[-1]) for line in text.decode().splitlines())
    assert now >= end, "not before"
    served.run("edge", "maintenance", "off")
    assert get(served.url).status_code == 200


def closed(project: Project) -> bool:
    """The edge is in maintenance, and its hold is over."""
    try:
        answer = get(project.url)
    except requests.ConnectionError:
        return False
    return answer.status_code == 503 and answer.headers.get("retry-after") == "17"


def test_maintenance_ends_only_when_an_admin_ends_it(served: Project, variant: Variant) -> None:
    served.config(edge={"retry_after": "17s"})
    served.run("edge", "upgrade")
    served.run("edge", "maintenance", "on", "--hold", "0s")
    assert closed(served)
    edge_of(served).restart(timeout=1)
    until(lambda: closed(served), "in maintenance after a restart of the edge")
    for number, strategy in enumerate(("blue-green", "recreate"), 3):
        image = variant(V=str(number))
        result = served.json("rollout", "--image", image, "--strategy", strategy)
        assert result["outcome"] == "succeeded"
        assert closed(served), f"{strategy} has opened what an admin closed"
    served.run("edge", "upgrade")
    assert closed(served)
    assert served.status()["edge"]["maintenance"]

    served.run("edge", "maintenance", "off")
    assert version(served.url) == "4"
    edge_of(served).restart(timeout=1)
    until(lambda: version(served.url) == "4", "open after a restart of the edge")


# -- upgrade -------------------------------------------------------------------------------------------


def test_upgrades_under_mixed_load_lose_nothing(served: Project, variant: Variant) -> None:
    first = edge_of(served).id
    brief = replace(QUICK, rate=150.0, stream_path="/stream?s=5", slow_path="/slow?s=1")
    with Load(served.url, MODERATE if SOAK else brief) as load:
        load.wait_for_more(100)
        for _ in range(times(1, 20)):
            before = edge_of(served).id
            served.run("edge", "upgrade")
            assert edge_of(served).id != before
            load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert edge_of(served).id != first
    # Those that had a long answer left go when that has ended, and the next command tidies up.
    tidied(served)
    # What steers it works as before, the preview route too.
    served.config(rollout={"smoke": [{"path": "/", "contains": '"version": "3"'}]})
    served.run("rollout", "--image", variant(V="3"))
    assert version(served.url) == "3"
    assert served.leftovers() == []
    _, files = execute(edge_of(served), ["ls", "/edge"])
    assert len([name for name in files.decode().split() if name.endswith(".cfg")]) == 1


@pytest.mark.soak
def test_an_edge_that_crashes_while_its_predecessor_still_has_a_stream(
    served: Project, engine: DockerClient, shop: str
) -> None:
    served.config(rollout={"drain": "100ms"})
    leaving = {"connection": "close"}  # an idle connection would keep the old edge for a minute
    with requests.get(f"{served.url}/stream?s=15", headers=leaving, stream=True, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        served.run("edge", "upgrade")
        assert retiring(served), "the stream runs in the old edge"
        kill(engine, edge_of(served), shop)
        until(lambda: version(served.url) == "2", "the new edge is back")
        assert b"event: done" in list(lines), "the stream went on in the old edge"
    tidied(served)
    assert served.leftovers() == []


def test_a_rollout_right_after_an_upgrade_cuts_nothing_off(served: Project, variant: Variant) -> None:
    served.config(rollout={"keep_warm": "0s", "drain": "100ms"})
    leaving = {"connection": "close"}
    with requests.get(f"{served.url}/stream?s=12", headers=leaving, stream=True, timeout=90) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        served.run("edge", "upgrade")
        assert retiring(served), "the stream runs in the old edge"
        done = served.run("rollout", "--image", variant(V="3"))
        assert "before its upgrade" in done.stderr
        assert b"event: done" in list(lines), "what runs in the old edge came to its end"
    assert version(served.url) == "3"
    assert served.leftovers() == []


def test_an_upgrade_killed_at_each_step_converges(served: Project) -> None:
    struck = 0
    with Load(served.url, replace(QUICK, stream=0)) as load:
        load.wait_for_more(50)
        for strike in range(times(5, 3), 100, times(6, 1)):
            done = accident(served, "KILL", strike, "edge", "upgrade")
            if done.returncode == 0:
                break
            struck += 1
            assert done.returncode == -9, done.stderr
            served.run("recover")
            assert f"{served.name}-edge-next" not in containers(served), f"struck at {strike}\n{done.stderr}"
            assert version(served.url) == "2"
            load.wait_for_more(10)
    report = load.report()
    assert report.clean, report.summary()
    assert struck >= times(1, 2)
    tidied(served)
    assert served.leftovers() == []


def test_an_interrupted_upgrade_leaves_one_edge(served: Project) -> None:
    with Load(served.url, replace(QUICK, stream=0)) as load:
        load.wait_for_more(50)
        # From the handover on it is finished rather than undone.
        for strike in (4, 6) if not SOAK else range(3, 7):
            done = accident(served, "TERM", strike, "edge", "upgrade")
            assert done.returncode == 143, done.stderr
            assert "cleaning up failed" not in done.stderr
            assert f"{served.name}-edge-next" not in retiring(served)
            assert served.status()["recovery_needed"] == []
            load.wait_for_more(10)
    report = load.report()
    assert report.clean, report.summary()


def test_an_edge_that_cannot_start_leaves_the_old_one(served: Project, shop: str) -> None:
    before = edge_of(served).id
    with socket_on(taken := free_port()):
        done = served.run("edge", "upgrade", "--set", f"edge.port={taken}", expect=6)
    assert f"0.0.0.0:{taken}" in done.stderr
    assert edge_of(served).id == before
    assert retiring(served) == []
    edge_of(served).restart(timeout=1)
    until(lambda: version(served.url) == "2", "the old edge restarts as it was")
    assert served.leftovers() == []
