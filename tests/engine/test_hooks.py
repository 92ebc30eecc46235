"""Hooks and smoke checks: the candidate's image and the candidate itself, before anyone else meets them."""

from __future__ import annotations

from benchmarks.load import Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import USUAL


def test_hooks_run_before_and_after_in_containers_of_their_own(serving: Project) -> None:
    serving.config(
        rollout={
            "before": [{"name": "migrate", "command": ["python3", "-c", "print('migrating')"]}],
            "after": [{"name": "warm", "command": ["python3", "-c", "print('warming')"]}],
        }
    )
    done = serving.run("rollout")
    lines = done.stderr
    assert lines.index("migrating") < lines.index("serves now") < lines.index("warming")
    assert serving.leftovers() == []


def test_a_failing_before_hook_stops_the_rollout(serving: Project, variant: Variant) -> None:
    before = serving.status()["active"]["release"]
    hook = {"name": "migrate", "command": ["python3", "-c", "import sys; print('no table'); sys.exit(4)"]}
    serving.config(rollout={"before": [hook]})
    done = serving.run("rollout", "--image", variant(V="2"), expect=8)
    assert "hook migrate failed with exit code 4" in done.stderr
    assert "no table" in done.stderr
    assert serving.status()["active"]["release"] == before
    assert serving.leftovers() == []


def test_what_an_older_release_says_before_a_rollback_is_heard(serving: Project, variant: Variant) -> None:
    ask = "import os, sys; new = os.environ['V'] == 'asker'; print('asked'); sys.exit(3 if {} else 0)"
    old = serving.status()["active"]["release"]
    serving.config(rollout={"keep_warm": "0s"})
    new = serving.json("rollout", "--image", variant(V="asker"))["release"]

    def refusing(who: str) -> None:
        hook = {"name": "schema", "command": ["python3", "-c", ask.format(who)]}
        serving.config(rollout={"before_rollback": [hook]})

    refusing("not new")
    refused = serving.run("rollback", "--to", old, expect=8)
    assert "asked" in refused.stderr
    assert "hook schema failed with exit code 3" in refused.stderr
    assert serving.status()["active"]["release"] == new
    refusing("new")
    assert serving.json("rollback", "--to", old)["outcome"] == "succeeded"
    assert serving.leftovers() == []


def test_a_hook_that_hangs_is_stopped_at_its_timeout(serving: Project) -> None:
    hook = {"name": "slow", "command": ["python3", "-c", "import time; time.sleep(600)"], "timeout": "1s"}
    serving.config(rollout={"before": [hook]})
    done = serving.run("rollout", expect=8)
    assert "longer than its timeout of 1 s" in done.stderr
    assert serving.leftovers() == []


def test_smoke_checks_reach_the_candidate_before_anyone_else(serving: Project, variant: Variant) -> None:
    as_written = {"path": "/api/a%20b?c=%C3%A4", "status": 200}
    serving.config(rollout={"smoke": [{"path": "/", "contains": '"version": "good"'}, as_written]})
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        done = serving.run("rollout", "--image", variant(V="bad"), expect=8)
        assert "smoke check /" in done.stderr
        load.wait_for_more(50)
    assert load.report().answers("bad") == 0
    serving.run("rollout", "--image", variant(V="good"))
    assert serving.leftovers() == []
