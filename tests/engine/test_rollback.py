"""Back to a release that is warm, stopped, or gone; and containers that somebody removed by hand."""

from __future__ import annotations

import json

import pytest
from docker import DockerClient

from benchmarks.load import Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.repository import git
from tests.support.scale import USUAL
from tests.support.waiting import until


def test_rollback_to_a_release_that_is_not_warm_any_more(resting: Project, variant: Variant) -> None:
    status = resting.status()
    older, old = status["previous"]["release"], status["active"]["release"]
    resting.run("rollout", "--image", variant(V="new"))
    with Load(resting.url, USUAL) as load:
        load.wait_for_version("new")
        result = resting.json("rollback", "--to", older)
        load.wait_for_more(50)
    assert (result["outcome"], result["release"]) == ("succeeded", older)
    assert resting.status()["active"]["release"] == older
    report = load.report()
    assert report.clean, report.summary()
    unknown = resting.run("rollback", "--to", "1999", expect=2)
    assert old in unknown.stderr


def test_keep_warm_over_the_previous_release_is_stopped_at_the_next_change(
    serving: Project, variant: Variant
) -> None:
    serving.config(rollout={"keep_warm": "1s"})
    serving.run("rollout", "--image", variant(V="3"))

    def stopped() -> bool:
        serving.run("recover")
        return bool(serving.status()["previous"]["status"] == "exited")

    until(stopped, "the previous release is stopped")
    assert serving.status()["previous"]["slot"] is None


def test_a_prune_leaves_what_can_be_gone_back_to_and_plans_what_goes(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    oldest = serving.status()["active"]["container"]
    source = serving.folder / "source"
    source.mkdir()
    (source / "Dockerfile").write_text(f"FROM {variant(V='built')}\n")
    git(source, "init", "--quiet")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "-m", "1")
    serving.config(service={"image": None, "build": {"context": "source", "dockerfile": "source/Dockerfile"}})
    result = serving.json("rollout")
    recorded = json.loads(serving.run("releases", "--json").stdout)[0]
    assert result["git_sha"] == recorded["git_sha"] == git(source, "rev-parse", "HEAD")
    before = serving.status()["active"]
    serving.run("rollout", "--image", variant(V="newest"), "--set", "rollout.keep_warm=0s")
    assert oldest in serving.run("prune", "--plan", "--keep", "2").stdout
    serving.run("prune", "--keep", "2")
    there = {each.name for each in engine.containers.list(all=True)}
    assert oldest not in there
    assert before["container"] in there
    planned = serving.json("prune", "--plan", "--keep", "0")
    assert (planned["repairs"], planned["containers"]) == ([], [before["container"]])
    # Nothing else has that image, so it goes with its container; what has no tag, a killed build has left.
    assert [each["tags"] for each in planned["removals"] if each["tags"]] == [[before["image"]]]
    done = serving.json("prune", "--keep", "0")
    assert done["removed"] == planned["removals"]
    assert before["container"] not in {each.name for each in engine.containers.list(all=True)}


@pytest.mark.parametrize("removed", ["previous", "active"])
def test_a_container_removed_by_hand(resting: Project, engine: DockerClient, removed: str) -> None:
    container = engine.containers.get(resting.status()[removed]["container"])
    if removed == "active":
        # With nobody asking, or what it had in hand would be cut off: the warm one takes over by itself.
        container.remove(force=True)
    with Load(resting.url, USUAL) as load:
        load.wait_for_more(50)
        if removed == "previous":
            container.remove(force=True)
        assert resting.status()["recovery_needed"]
        resting.run("recover")
        load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert resting.status()["recovery_needed"] == []
    assert resting.leftovers() == []
