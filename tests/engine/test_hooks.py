"""Hooks and smoke checks: the candidate's image and the candidate itself, before anyone else meets them."""

from __future__ import annotations

from benchmarks.load import Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import USUAL


def test_hooks_run_before_and_after_in_containers_of_their_own(resting: Project) -> None:
    resting.config(
        rollout={
            "before": [{"name": "migrate", "command": ["python3", "-c", "print('migrating')"]}],
            "after": [{"name": "warm", "command": ["python3", "-c", "print('warming')"]}],
        }
    )
    done = resting.run("rollout")
    lines = done.stderr
    assert lines.index("migrating") < lines.index("serves now") < lines.index("warming")
    assert resting.leftovers() == []


def test_a_failing_before_hook_stops_the_rollout(resting: Project, variant: Variant) -> None:
    before = resting.status()["active"]["release"]
    hook = {"name": "migrate", "command": ["python3", "-c", "import sys; print('no table'); sys.exit(4)"]}
    resting.config(rollout={"before": [hook]})
    done = resting.run("rollout", "--image", variant(V="2"), expect=8)
    assert "hook migrate failed with exit code 4" in done.stderr
    assert "no table" in done.stderr
    assert resting.status()["active"]["release"] == before
    assert resting.leftovers() == []


def test_what_an_older_release_says_before_a_rollback_is_heard(resting: Project, variant: Variant) -> None:
    ask = "import os, sys; v = os.environ['V']; print('asked', v); sys.exit(3 if v == 'old' else 0)"
    hook = {"name": "schema", "command": ["python3", "-c", ask]}
    willing = resting.status()["active"]["release"]
    resting.config(rollout={"before_rollback": [hook], "keep_warm": "0s"})
    old = resting.json("rollout", "--image", variant(V="old"))["release"]
    new = resting.json("rollout", "--image", variant(V="3"))["release"]
    refused = resting.run("rollback", "--to", old, expect=8)
    assert "asked old" in refused.stderr
    assert "hook schema failed with exit code 3" in refused.stderr
    assert resting.status()["active"]["release"] == new
    assert resting.json("rollback", "--to", willing)["outcome"] == "succeeded"
    assert resting.leftovers() == []


def test_a_hook_that_hangs_is_stopped_at_its_timeout(project: Project) -> None:
    hook = {"name": "slow", "command": ["python3", "-c", "import time; time.sleep(600)"], "timeout": "1s"}
    project.config(rollout={"before": [hook]})
    done = project.run("rollout", expect=8)
    assert "longer than its timeout of 1 s" in done.stderr
    assert project.leftovers() == []


def test_smoke_checks_reach_the_candidate_before_anyone_else(resting: Project, variant: Variant) -> None:
    as_written = {"path": "/api/a%20b?c=%C3%A4", "status": 200}
    resting.config(rollout={"smoke": [{"path": "/", "contains": '"version": "good"'}, as_written]})
    with Load(resting.url, USUAL) as load:
        load.wait_for_more(50)
        done = resting.run("rollout", "--image", variant(V="bad"), expect=8)
        assert "smoke check /" in done.stderr
        load.wait_for_more(50)
    assert load.report().answers("bad") == 0
    resting.run("rollout", "--image", variant(V="good"))
    assert resting.leftovers() == []
