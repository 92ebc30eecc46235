"""Releases come and go, and nobody notices: rollouts and rollbacks on a real engine, under load."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from docker import DockerClient

from benchmarks.load import HEAVY, MODERATE, Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import QUICK, SOAK, times

USUAL = MODERATE if SOAK else QUICK

STATUS_KEYS = {"release", "image", "container", "slot", "since"}


@pytest.fixture
def shop_project(project: Project) -> Project:
    project.keep_orders()
    project.config(rollout={"observe": "500ms", "drain": "20s", "drain_streams": "20s"})
    return project


def test_rollouts_and_rollbacks_under_mixed_load_lose_nothing(
    shop_project: Project, variant: Variant
) -> None:
    images = {str(number): variant(V=str(number)) for number in range(1, 5)}
    shop_project.run("rollout", "--image", images["1"])
    with Load(shop_project.url, HEAVY if SOAK else MODERATE) as load:
        load.wait_for_more(100)
        for number in range(times(2, 20)):
            version = str(2 + number % 3)
            result = shop_project.json("rollout", "--image", images[version])
            assert result["outcome"] == "succeeded"
            load.wait_for_version(version)
        for _ in range(times(2, 5)):
            previous = shop_project.status()["previous"]
            result = shop_project.json("rollback")
            assert (result["release"], result["strategy"]) == (previous["release"], "warm")
            load.wait_for_more(100)
    report = load.report()
    assert report.clean, report.summary()
    assert shop_project.leftovers() == []


def test_rollout_says_what_it_did_and_status_says_what_is(shop_project: Project, variant: Variant) -> None:
    result = shop_project.json("rollout", "--image", variant(V="1"))
    assert {"release", "image", "duration_s", "phases", "outcome"} <= set(result)
    second = shop_project.json("rollout", "--image", variant(V="2"))
    status = shop_project.status()
    assert set(status) >= {"service", "active", "previous", "candidate", "edge", "lock"}
    assert status["service"] == shop_project.name
    assert set(status["active"]) >= STATUS_KEYS
    assert status["active"]["release"] == second["release"]
    assert status["active"]["image"] == second["image"]
    assert status["previous"]["release"] == result["release"]
    assert status["candidate"] is None
    assert status["lock"] is None
    assert status["recovery_needed"] == []
    records = json.loads(shop_project.run("releases", "--json").stdout)
    assert [(record["release"], record["outcome"]) for record in records] == [
        (second["release"], "succeeded"),
        (result["release"], "succeeded"),
    ]
    assert records[0]["who"]
    assert records[0]["duration_s"] > 0


def test_status_before_anything_is_there(project: Project) -> None:
    status = project.status()
    assert (status["active"], status["previous"], status["candidate"]) == (None, None, None)
    assert status["edge"] is None
    assert project.leftovers() == []


def test_plan_changes_nothing(project: Project, shop: str) -> None:
    plan = project.run("rollout", "--plan").stdout
    assert "make the network and the edge" in plan
    assert shop in plan
    assert project.leftovers() == []
    assert project.status()["edge"] is None


def test_recreate_holds_requests_instead_of_losing_them(shop_project: Project, variant: Variant) -> None:
    shop_project.run("rollout", "--image", variant(V="1"))
    with Load(shop_project.url, USUAL) as load:
        load.wait_for_more(100)
        result = shop_project.json("rollout", "--image", variant(V="2"), "--strategy", "recreate")
        load.wait_for_version("2")
    assert result["strategy"] == "recreate"
    report = load.report()
    assert report.clean, report.summary()
    assert shop_project.status()["previous"]["status"] == "exited"


def test_too_little_memory_for_two_falls_back_to_a_held_recreate(
    shop_project: Project, variant: Variant
) -> None:
    shop_project.run("rollout", "--image", variant(V="1"))
    with Load(shop_project.url, USUAL) as load:
        load.wait_for_more(100)
        done = shop_project.run("rollout", "--image", variant(V="2"), "--set", "rollout.memory_free=100t")
        load.wait_for_version("2")
    assert "memory is too short for two releases" in done.stderr
    report = load.report()
    assert report.clean, report.summary()


def test_too_little_disk_is_refused_with_the_numbers(project: Project) -> None:
    done = project.run("rollout", "--set", "rollout.disk_free=100t", expect=6)
    assert "100 TB wanted" in done.stderr or "100 TiB wanted" in done.stderr
    assert project.status()["edge"] is None
    assert project.leftovers() == []


BAD_RELEASES = {
    "exits at start": ({"EXIT_AT_START": "3"}, "exited with code 3 before it was ready", 0),
    "never ready": ({"NEVER_READY": "1"}, "was not ready after 2 s", 0),
    # The window is from the switch to the first look: answers of the first moments are its own.
    "ready, then 5xx": ({"FAIL_AFTER_READY": "1"}, "with 5xx after the switch", 1),
    "dies after the switch": ({"DIE_AFTER_SECONDS": "0.3"}, "after the switch", 1),
}


@pytest.mark.parametrize("kind", BAD_RELEASES)
def test_a_bad_release_never_takes_over(shop_project: Project, variant: Variant, kind: str) -> None:
    manners, reason, window = BAD_RELEASES[kind]
    shop_project.config(rollout={"ready_timeout": "2s", "observe": "3s"})
    shop_project.run("rollout", "--image", variant(V="good"))
    before = shop_project.status()["active"]
    with Load(shop_project.url, USUAL) as load:
        load.wait_for_more(100)
        done = shop_project.run("rollout", "--image", variant(V="bad", **manners), expect=8)
        load.wait_for_more(100)
    assert reason in done.stderr
    report = load.report()
    # Whatever was lost was an answer of the bad release itself, or cut off by its death.
    others = [lost for lost in report.lost if not window or lost.version not in ("bad", None, "")]
    assert others == [], report.summary()
    assert report.doubled == ()
    status = shop_project.status()
    assert status["active"]["container"] == before["container"]
    assert status["recovery_needed"] == []
    assert shop_project.leftovers() == []


def test_the_tail_of_the_candidates_log_is_shown(project: Project, variant: Variant) -> None:
    done = project.run("rollout", "--image", variant(V="bad", EXIT_AT_START="3"), expect=8)
    assert "told to exit at the start" in done.stderr
    assert project.leftovers() == []


def test_a_release_that_hangs_on_sigterm_is_stopped_in_the_end(
    shop_project: Project, variant: Variant
) -> None:
    shop_project.config(service={"stop_timeout": "1s"})
    shop_project.run("rollout", "--image", variant(V="1", IGNORE_SIGTERM="1"))
    with Load(shop_project.url, USUAL) as load:
        load.wait_for_more(100)
        shop_project.run("rollout", "--image", variant(V="2"), "--set", "rollout.keep_warm=0s")
        load.wait_for_version("2")
    report = load.report()
    assert report.clean, report.summary()
    assert shop_project.status()["previous"]["status"] == "exited"


def test_a_missing_image_is_named(project: Project) -> None:
    done = project.run("rollout", "--image", "deployer-test/nowhere:1", expect=5)
    assert "deployer-test/nowhere:1" in done.stderr
    assert project.leftovers() == []


def test_hooks_run_before_and_after_in_containers_of_their_own(
    project: Project, variant: Variant, engine: DockerClient
) -> None:
    project.config(
        rollout={
            "before": [{"name": "migrate", "command": ["python3", "-c", "print('migrating')"]}],
            "after": [{"name": "warm", "command": ["python3", "-c", "print('warming')"]}],
        }
    )
    done = project.run("rollout")
    lines = done.stderr
    assert lines.index("migrating") < lines.index("serves now") < lines.index("warming")
    assert project.leftovers() == []


def test_a_failing_before_hook_stops_the_rollout(project: Project, variant: Variant) -> None:
    project.run("rollout", "--image", variant(V="1"))
    before = project.status()["active"]
    hook = {"name": "migrate", "command": ["python3", "-c", "import sys; print('no table'); sys.exit(4)"]}
    project.config(rollout={"before": [hook]})
    done = project.run("rollout", "--image", variant(V="2"), expect=8)
    assert "hook migrate failed with exit code 4" in done.stderr
    assert "no table" in done.stderr
    assert project.status()["active"] == {**before, "since": before["since"]}
    assert project.leftovers() == []


def test_a_hook_that_hangs_is_stopped_at_its_timeout(project: Project) -> None:
    hook = {"name": "slow", "command": ["python3", "-c", "import time; time.sleep(600)"], "timeout": "1s"}
    project.config(rollout={"before": [hook]})
    done = project.run("rollout", expect=8)
    assert "longer than its timeout of 1 s" in done.stderr
    assert project.leftovers() == []


def test_smoke_checks_reach_the_candidate_before_anyone_else(project: Project, variant: Variant) -> None:
    project.run("rollout", "--image", variant(V="1"))
    project.config(rollout={"smoke": [{"path": "/", "contains": '"version": "2"'}]})
    with Load(project.url, USUAL) as load:
        load.wait_for_more(50)
        done = project.run("rollout", "--image", variant(V="3"), expect=8)
        assert "smoke check /" in done.stderr
        load.wait_for_more(50)
    assert load.report().answers("3") == 0
    project.run("rollout", "--image", variant(V="2"))
    assert project.leftovers() == []


def test_rollback_to_a_release_that_is_not_warm_any_more(shop_project: Project, variant: Variant) -> None:
    releases = [
        shop_project.json("rollout", "--image", variant(V=str(number)))["release"] for number in (1, 2, 3)
    ]
    with Load(shop_project.url, USUAL) as load:
        result = shop_project.json("rollback", "--to", releases[0])
        load.wait_for_version("1")
    assert result["outcome"] == "succeeded"
    report = load.report()
    assert report.clean, report.summary()
    unknown = shop_project.run("rollback", "--to", "1999", expect=2)
    assert releases[1] in unknown.stderr


def test_rollback_without_a_previous_release(project: Project) -> None:
    project.run("rollout")
    done = project.run("rollback", expect=2)
    assert "no previous release" in done.stderr


def test_keep_warm_over_the_previous_release_is_stopped_at_the_next_change(
    shop_project: Project, variant: Variant
) -> None:
    shop_project.config(rollout={"keep_warm": "1s"})
    shop_project.run("rollout", "--image", variant(V="1"))
    shop_project.run("rollout", "--image", variant(V="2"))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        shop_project.run("recover")
        if shop_project.status()["previous"]["status"] == "exited":
            break
    assert shop_project.status()["previous"] | {"slot": None} == shop_project.status()["previous"]
    assert shop_project.status()["previous"]["status"] == "exited"


def test_ten_rollouts_at_once(shop_project: Project, variant: Variant) -> None:
    shop_project.run("rollout", "--image", variant(V="0"))
    with Load(shop_project.url, USUAL) as load:
        load.wait_for_more(50)
        waiting = [
            shop_project.start("rollout", "--image", variant(V=str(number)), "--lock-wait", "5m")
            for number in range(1, 3)
        ]
        refusing = [
            shop_project.start("rollout", "--image", variant(V=str(number))) for number in range(3, 11)
        ]
        codes = [started.wait(300) for started in refusing]
        for started in waiting:
            started.finish(0, timeout=300)
        load.wait_for_more(50)
    assert set(codes) <= {0, 7}, [started.said for started in refusing]
    report = load.report()
    assert report.clean, report.summary()
    records = json.loads(shop_project.run("releases", "--json").stdout)
    assert len(records) == 1 + 2 + codes.count(0)
    assert {record["outcome"] for record in records} == {"succeeded"}
    assert shop_project.leftovers() == []


def test_a_locked_out_rollout_says_by_whom(shop_project: Project, variant: Variant) -> None:
    hook = {"name": "slow", "command": ["python3", "-c", "import time; time.sleep(600)"]}
    shop_project.config(rollout={"before": [hook]})
    first = shop_project.start("rollout")
    _until(lambda: shop_project.status()["lock"] is not None)
    done = shop_project.run("rollout", expect=7, env={"DEPLOYER_WHO": "somebody else"})
    assert "rollout, since" in done.stderr
    held = json.loads(shop_project.run("lock", "--json").stdout)
    assert held["command"] == "rollout"
    first.kill()
    first.wait()
    _until(lambda: shop_project.status()["lock"] is None)
    shop_project.config(rollout={"before": []})
    shop_project.run("rollout")
    assert shop_project.leftovers() == []


def test_foreign_containers_and_images_stay_untouched(
    shop_project: Project, variant: Variant, engine: DockerClient
) -> None:
    foreign = engine.containers.create(variant(V="foreign"), name=f"{shop_project.name}x-other")
    try:
        shop_project.run("rollout", "--image", variant(V="1"))
        shop_project.run("rollout", "--image", variant(V="2"))
        shop_project.run("prune")
        foreign.reload()
        assert foreign.status == "created"
        assert engine.images.get(variant(V="foreign"))
    finally:
        foreign.remove(force=True)


@pytest.mark.parametrize("removed", ["previous", "active"])
def test_a_container_removed_by_hand(
    shop_project: Project, variant: Variant, engine: DockerClient, removed: str
) -> None:
    shop_project.run("rollout", "--image", variant(V="1"))
    shop_project.run("rollout", "--image", variant(V="2"))
    with Load(shop_project.url, USUAL) as load:
        load.wait_for_more(50)
        if removed == "previous":
            engine.containers.get(shop_project.status()["previous"]["container"]).remove(force=True)
            assert shop_project.status()["recovery_needed"]
        shop_project.run("recover")
        load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    if removed == "active":
        # With nobody asking, or what it had in hand would be cut off: the warm one takes over by itself.
        engine.containers.get(shop_project.status()["active"]["container"]).remove(force=True)
        with Load(shop_project.url, USUAL) as load:
            load.wait_for_more(50)
            assert shop_project.status()["recovery_needed"]
            shop_project.run("recover")
            load.wait_for_more(50)
        report = load.report()
        assert report.clean, report.summary()
    assert shop_project.status()["recovery_needed"] == []
    assert shop_project.leftovers() == []


def test_logs_and_exec_reach_the_serving_release(project: Project, variant: Variant) -> None:
    project.run("rollout", "--image", variant(V="7"))
    assert "listening v=7" in project.run("logs").stdout
    assert project.run("exec", "--", "python3", "-c", "print(6 * 7)").stdout.strip() == "42"
    assert project.run("exec", "--", "sh", "-c", "exit 5", expect=5).returncode == 5


def test_the_library_runs_where_python_is_isolated(project: Project) -> None:
    """`--help` needs neither a config nor an engine."""
    done = subprocess.run(
        [sys.executable, "-m", "deployer", "--help"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "rollout" in done.stdout


def _until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
