"""Hooks and smoke checks: the candidate's image and the candidate itself, before anyone else meets them."""

from __future__ import annotations

from docker import DockerClient

from benchmarks.load import Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import USUAL


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


def test_what_an_older_release_says_before_a_rollback_is_heard(
    project: Project, variant: Variant, engine: DockerClient
) -> None:
    ask = "import os, sys; v = os.environ['V']; print('asked', v); sys.exit(3 if v == '1' else 0)"
    hook = {"name": "schema", "command": ["python3", "-c", ask]}
    project.config(rollout={"before_rollback": [hook], "observe": "0s", "keep_warm": "0s"})
    first = project.json("rollout", "--image", variant(V="1"))["release"]
    second = project.json("rollout", "--image", variant(V="2"))["release"]
    third = project.json("rollout", "--image", variant(V="3"))["release"]
    refused = project.run("rollback", "--to", first, expect=8)
    assert "asked 1" in refused.stderr
    assert "hook schema failed with exit code 3" in refused.stderr
    assert project.status()["active"]["release"] == third
    assert project.json("rollback", "--to", second)["outcome"] == "succeeded"
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
