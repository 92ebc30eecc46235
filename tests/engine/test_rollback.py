"""Back to a release that is warm, stopped, or gone; and containers that somebody removed by hand."""

from __future__ import annotations

import pytest
from docker import DockerClient

from benchmarks.load import Load
from tests.engine.conftest import Variant
from tests.support.project import Project
from tests.support.scale import USUAL
from tests.support.waiting import until


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

    def stopped() -> bool:
        shop_project.run("recover")
        return bool(shop_project.status()["previous"]["status"] == "exited")

    until(stopped, "the previous release is stopped")
    assert shop_project.status()["previous"]["slot"] is None


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
