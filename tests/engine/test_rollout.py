"""Releases come and go, and nobody notices: rollouts and rollbacks on a real engine, under load."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from docker import DockerClient

from benchmarks.load import HEAVY, LIGHT, MODERATE, Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import SOAK, USUAL, times
from tests.support.standing import version
from tests.support.waiting import until

STATUS_KEYS = {"release", "image", "container", "slot", "since"}


def test_rollouts_and_rollbacks_under_mixed_load_lose_nothing(serving: Project, variant: Variant) -> None:
    serving.config(rollout={"observe": "500ms", "drain": "20s"})
    images = {str(number): variant(V=str(number)) for number in range(2, 5)}
    with Load(serving.url, HEAVY if SOAK else MODERATE) as load:
        load.wait_for_more(100)
        for number in range(times(1, 20)):
            following = str(2 + (number + 1) % 3)
            result = serving.json("rollout", "--image", images[following])
            assert result["outcome"] == "succeeded"
            load.wait_for_version(following)
        for _ in range(times(1, 5)):
            previous = serving.status()["previous"]
            result = serving.json("rollback")
            assert (result["release"], result["strategy"]) == (previous["release"], "warm")
            load.wait_for_more(100)
    report = load.report()
    assert report.clean, report.summary()
    assert serving.leftovers() == []


def test_rollout_says_what_it_did_and_status_says_what_is(serving: Project, variant: Variant) -> None:
    before = serving.status()["active"]
    told = json.loads(serving.run("releases", "-n", "1000", "--json").stdout)
    watching = serving.start("status", "--watch", "--json")
    until(lambda: before["release"] in watching.said, "what serves is shown")
    result = serving.json("rollout", "--image", variant(V="2"))
    assert {"release", "image", "duration_s", "phases", "outcome"} <= set(result)
    status = serving.status()
    assert set(status) >= {"service", "active", "previous", "candidate", "edge", "lock"}
    assert status["service"] == serving.name
    assert set(status["active"]) >= STATUS_KEYS
    assert status["active"]["release"] == result["release"]
    assert status["active"]["image"] == result["image"]
    assert status["previous"]["release"] == before["release"]
    assert status["candidate"] is None
    assert status["lock"] is None
    assert status["recovery_needed"] == []
    newest, *older = json.loads(serving.run("releases", "-n", "1000", "--json").stdout)
    assert (newest["release"], newest["outcome"]) == (result["release"], "succeeded")
    assert older == told
    assert newest["who"]
    assert newest["duration_s"] > 0
    serves = f'"active": {{"release": "{result["release"]}"'
    until(lambda: serves in watching.said, "what serves now is shown")
    watching.send_signal(signal.SIGINT)
    first, *_, last = map(json.loads, watching.finish().splitlines())
    assert (first["active"]["release"], last["active"]["release"]) == (before["release"], result["release"])


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


@pytest.mark.soak
def test_recreate_holds_requests_instead_of_losing_them(resting: Project, variant: Variant) -> None:
    with Load(resting.url, USUAL) as load:
        load.wait_for_more(100)
        result = resting.json("rollout", "--image", variant(V="2"), "--strategy", "recreate")
        load.wait_for_version("2")
    assert result["strategy"] == "recreate"
    report = load.report()
    assert report.clean, report.summary()
    assert resting.status()["previous"]["status"] == "exited"


def test_a_bad_recreate_gives_the_place_back_within_the_hold(serving: Project, variant: Variant) -> None:
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        bad = variant(V="2", NEVER_READY="1")
        done = serving.run("rollout", "--image", bad, "--strategy", "recreate", expect=8)
        load.wait_for_more(50)
    assert "was not ready after" in done.stderr
    report = load.report()
    assert report.clean, report.summary()
    assert serving.leftovers() == []


def test_a_recreate_gives_the_old_one_no_more_time_than_others_can_be_held(
    serving: Project, variant: Variant
) -> None:
    # Long, since what the old one leaves of it has to be enough for the new one on any machine.
    serving.config(edge={"hold": "30s"}, service={"stop_timeout": "60s"})
    serving.run("rollout", "--image", variant(V="1", IGNORE_SIGTERM="1"))
    brief = replace(LIGHT, slow=0, stream=0, upload=0)
    stays = requests.get(f"{serving.url}/stream?s=120", stream=True, timeout=150)
    with stays, Load(serving.url, brief, timeout=60.0) as load:
        load.wait_for_more(50)
        result = serving.json("rollout", "--image", variant(V="2"), "--strategy", "recreate")
        load.wait_for_version("2")
    report = load.report()
    assert report.clean, report.summary()
    assert result["outcome"] == "succeeded"


def test_requests_and_streams_have_deadlines_of_their_own(serving: Project, variant: Variant) -> None:
    serving.config(service={"stop_timeout": "1s"}, rollout={"keep_warm": "0s", "drain": "200ms"})
    streams = {"accept": "text/event-stream"}

    def roll(number: int, deadline: str) -> dict[str, Any]:
        # With --json the warning is an event, on standard output.
        done = serving.run(
            "rollout",
            "--image",
            variant(V=str(number)),
            "--set",
            f"rollout.drain_streams={deadline}",
            "--json",
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        warned = [line["text"] for line in lines if line.get("event") == "warned"]
        assert any("1 request(s) or stream(s) still run" in text for text in warned), warned
        return dict(lines[-1])

    with ThreadPoolExecutor() as pool:
        slow = pool.submit(requests.get, f"{serving.url}/slow?s=110", timeout=150)
        with requests.get(f"{serving.url}/stream?s=3", headers=streams, stream=True, timeout=90) as short:
            lines = short.iter_lines()
            assert next(lines)
            until(lambda: serving.status()["active"]["requests"] == 1, "the slow request has arrived")
            result = roll(2, "110s")
            assert b"event: done" in list(lines), "a stream outlasts the deadline of requests"
        assert result["unfinished"] == 1
        # It would have been answered within the deadline of streams.
        assert slow.result().status_code == 502
    with requests.get(f"{serving.url}/stream?s=60", headers=streams, stream=True, timeout=90) as long:
        lines = long.iter_lines()
        assert next(lines)
        assert roll(3, "1s")["unfinished"] == 1
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(lines)
    assert serving.leftovers() == []


def test_too_little_memory_for_two_falls_back_to_a_held_recreate(serving: Project, variant: Variant) -> None:
    short = ["--set", "rollout.memory_free=100t"]
    plan = serving.json("rollout", "--plan", *short, "--set", "rollout.disk_free=100t", expect=6)
    assert plan["strategy"] == "recreate"
    assert [text.partition(":")[0] for text in plan["refusals"]] == ["not enough disk for a rollout"]
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        done = serving.run("rollout", "--image", variant(V="small"), *short)
        load.wait_for_version("small")
    assert "memory is too short for two releases" in done.stderr
    report = load.report()
    assert report.clean, report.summary()
    assert serving.status()["previous"]["status"] == "exited"


def test_too_little_disk_is_refused_with_the_numbers(project: Project) -> None:
    done = project.run("rollout", "--set", "rollout.disk_free=100t", expect=6)
    assert "100 TB wanted" in done.stderr or "100 TiB wanted" in done.stderr
    assert project.status()["edge"] is None
    assert project.leftovers() == []


def test_foreign_containers_and_images_stay_untouched(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    foreign = engine.containers.create(variant(V="foreign"), name=f"{serving.name}x-other")
    try:
        serving.run("rollout", "--image", variant(V="2"))
        serving.run("prune")
        foreign.reload()
        assert foreign.status == "created"
        assert engine.images.get(variant(V="foreign"))
    finally:
        foreign.remove(force=True)


def test_logs_and_exec_reach_the_serving_release(serving: Project) -> None:
    serves = serving.status()["active"]["container"]
    listening = f"listening v={version(serving.url)}"
    assert listening in serving.run("logs").stdout
    following = serving.start("logs", "-f")
    until(lambda: listening in following.said, "its past is shown")
    serving.run("exec", "--", "sh", "-c", "echo fresh > /proc/1/fd/1")
    until(lambda: "fresh" in following.said, "what it says now is followed")
    following.send_signal(signal.SIGINT)
    following.finish()
    lines = [json.loads(line) for line in serving.run("logs", "--json").stdout.splitlines()]
    assert any(listening in each["line"] and each["container"] == serves for each in lines)
    assert serving.run("exec", "--", "python3", "-c", "print(6 * 7)").stdout.strip() == "42"
    assert serving.run("exec", "--", "sh", "-c", "exit 5", expect=5).returncode == 5


def test_the_library_runs_where_python_is_isolated(project: Project) -> None:
    """`--help` needs neither a config nor an engine."""
    done = subprocess.run(
        [sys.executable, "-m", "deployer", "--help"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "rollout" in done.stdout
