"""What is broken already when a command begins, and must not stand in its way."""

from __future__ import annotations

import json
import time

import pytest
import requests
from docker import DockerClient

from benchmarks.load import Load
from deployer.host.engine import Engine
from tests.engine.conftest import Variant
from tests.support.execs import execute
from tests.support.project import Project
from tests.support.scale import USUAL, times
from tests.support.standing import serves
from tests.support.striking import accident
from tests.support.waiting import until


def test_a_serving_release_that_keeps_dying_does_not_stop_the_rollout_of_a_better_one(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    serving.config(rollout={"observe": "0s", "ready_timeout": "8s", "keep_warm": "0s"})
    status = serving.status()
    if serves(status, "previous"):
        engine.containers.get(status["previous"]["container"]).kill()  # there is nobody to fall back to
    bad = engine.containers.get(status["active"]["container"])
    # The image is good, the release is not: its process leaves as soon as it is there.
    execute(bad, ["sh", "-c", "rm -rf /usr/lib/python3*"], user="root")
    bad.kill()
    bad.start()
    # 0 if it looks just while the engine has started it once more.
    assert serving.run("recover", expect=None).returncode in (0, 10)
    result = serving.json("rollout", "--image", variant(V="2"))
    assert result["outcome"] == "succeeded"
    assert serving.leftovers() == []
    # A reboot must not revive it.
    bad.reload()
    assert bad.attrs["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_a_container_that_keeps_dying_can_be_told_not_to_come_back(
    project: Project, shop: str, engine: DockerClient
) -> None:
    host = Engine()
    for moment in range(0, 12, times(6, 1)):
        name = f"{project.name}-dying-{moment}"
        engine.containers.run(shop, ["false"], name=name, detach=True, restart_policy={"Name": "always"})
        # The engine takes an update back that meets a process just as it ends: that takes a moment's luck.
        time.sleep(0.03 * moment)
        host.set_restart_policy(name, "no")
        assert engine.containers.get(name).attrs["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_a_warm_release_that_the_edge_fell_back_to_serves_until_there_is_a_better_one(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    # Its time is over, too: nobody stops the only one that answers.
    brief = {"observe": "0s", "ready_timeout": "3s", "drain": "2s", "drain_streams": "2s", "keep_warm": "1s"}
    serving.config(service={"stop_timeout": "1s"}, rollout=brief)
    warm = serving.status()["active"]
    stuck = serving.json("rollout", "--image", variant(V="2"))
    # It runs, and answers nobody.
    execute(engine.containers.get(stuck["container"]), ["sh", "-c", "kill -STOP -1"], user="root")
    until(lambda: answers(serving.url), "the edge has noticed")
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        failed = serving.json("rollout", "--image", variant(V="3", NEVER_READY="1"), expect=8)
        assert failed["previous"] == warm["release"]
        assert serving.status()["active"]["release"] == warm["release"]
        result = serving.json("rollout", "--image", variant(V="4"))
        load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert result["previous"] == warm["release"]
    assert serving.leftovers() == []


def answers(url: str) -> bool:
    """Whether anybody does, within a second."""
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def test_a_serving_container_that_was_removed_with_its_image_does_not_stop_a_rollout(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    serving.config(rollout={"observe": "0s", "keep_warm": "0s"})
    image = variant(V="to-go")
    container = serving.json("rollout", "--image", image)["container"]
    engine.containers.get(container).remove(force=True)
    engine.images.remove(image)
    assert "is gone" in serving.run("recover", expect=10).stderr
    assert serving.json("rollout", "--image", variant(V="2"))["outcome"] == "succeeded"
    assert serving.leftovers() == []


@pytest.mark.soak
def test_an_edge_that_was_created_and_given_no_files_is_made_again(
    project: Project, variant: Variant
) -> None:
    project.config(rollout={"observe": "0s"})
    for strike in range(1, 30):
        accident(project, "KILL", strike, "rollout", "--image", variant(V="1"))
        if project.last.rstrip().endswith("put_files"):
            break
        project.remove()
    assert project.json("rollout", "--image", variant(V="1"))["outcome"] == "succeeded"
    assert project.leftovers() == []


def test_a_rollback_asks_a_release_where_it_listens_and_not_the_config(
    serving: Project, variant: Variant
) -> None:
    serving.config(rollout={"observe": "0s", "keep_warm": "0s"})
    old = serving.status()["active"]["release"]
    serving.config(service={"port": 9090, "health": "/healthz-alt", "env": {"PORT": "9090"}})
    serving.run("rollout", "--image", variant(V="2"))
    assert serving.json("rollback")["release"] == old
    assert serving.status()["active"]["ready"]


def test_a_rollback_takes_the_image_that_served_and_not_what_its_name_means_now(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    ask = "import os; print('asked', os.environ['V'])"
    hook = {"name": "schema", "command": ["python3", "-c", ask]}
    serving.config(rollout={"observe": "0s", "keep_warm": "0s", "before_rollback": [hook]})
    name = f"{serving.name}-app:latest"
    served = engine.images.get(variant(V="1"))
    served.tag(name)
    first = serving.json("rollout", "--image", name)
    engine.images.get(variant(V="2")).tag(name)
    serving.run("rollout", "--image", name)
    engine.containers.get(first["container"]).remove(force=True)
    done = serving.run("rollback", "--json")
    assert "asked 1" in done.stdout
    back = json.loads(done.stdout.splitlines()[-1])
    assert back["release"] == first["release"]
    assert engine.containers.get(back["container"]).image.id == served.id


def test_a_release_that_cannot_be_started_is_a_bad_release_and_the_history_tells_why(
    serving: Project, variant: Variant
) -> None:
    before = serving.status()["active"]
    # With an init it is that which starts, and exits for want of the program.
    serving.config(service={"command": ["/no/such/program"], "init": False})
    result = serving.json("rollout", "--image", variant(V="2"), expect=8)
    assert "/no/such/program" in str(result["message"])
    records = json.loads(serving.run("releases", "--json").stdout)
    (failed,) = [record for record in records if record["release"] == result["release"]]
    assert failed["outcome"] == "failed"
    assert "/no/such/program" in failed["reason"]
    assert serving.status()["active"]["release"] == before["release"]
    assert serving.leftovers() == []


def test_what_a_release_needs_is_looked_for_before_anything_is_touched(resting: Project) -> None:
    warm = resting.status()["previous"]
    resting.config(service={"env": {"KEY": "${env:NOT_SET_ANYWHERE}"}})
    resting.run("rollout", "--strategy", "recreate", expect=3)
    resting.config(service={"env": None, "networks": ["no-such-network"]})
    assert "no-such-network" in resting.run("rollout", "--strategy", "recreate", expect=6).stderr
    assert resting.status()["previous"] == warm


def test_what_a_rollback_needs_is_looked_for_before_the_warm_one_is_stopped(
    resting: Project, variant: Variant, engine: DockerClient
) -> None:
    older = resting.status()["previous"]
    resting.run("rollout", "--image", variant(V="2"))
    warm = resting.status()["previous"]
    engine.containers.get(older["container"]).remove(force=True)
    resting.config(service={"env": {"KEY": "${env:NOT_SET_ANYWHERE}"}})
    back = ["rollback", "--to", older["release"]]
    assert "service.env.KEY" in resting.run(*back, expect=3).stderr
    resting.config(service={"env": None, "networks": ["no-such-network"]})
    assert "no-such-network" in resting.run(*back, expect=6).stderr
    assert resting.status()["previous"] == warm
    resting.config(service={"networks": None})
    assert resting.json(*back)["outcome"] == "succeeded"


def test_a_foreign_container_with_the_name_of_the_edge_is_left_alone(
    project: Project, shop: str, engine: DockerClient
) -> None:
    foreign = engine.containers.create(shop, name=f"{project.name}-edge")
    assert "not made by" in project.run("rollout", expect=6).stderr
    assert "not made by" in project.run("status", expect=6).stderr
    foreign.reload()
    assert foreign.status == "created"


def test_a_foreign_volume_with_the_name_of_the_edges_is_left_alone(
    project: Project, shop: str, engine: DockerClient
) -> None:
    volume = f"{project.name}-edge"
    engine.volumes.create(volume)
    assert "not made by" in project.run("rollout", expect=6).stderr
    assert engine.volumes.get(volume)


def test_an_edge_whose_files_cannot_be_read_is_not_taken_for_a_new_one(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    served = serving.status()["active"]
    edge = engine.containers.get(f"{serving.name}-edge")
    # Reading fails, as it does where there is no memory for one more process.
    unreadable = "cd /edge && mv releases.jsonl aside && mkdir releases.jsonl"
    assert execute(edge, ["sh", "-c", unreadable]).exit_code == 0
    assert "could not be read: cat: " in serving.run("rollout", "--image", variant(V="2"), expect=9).stderr
    assert answers(serving.url)
    assert serving.status()["active"]["release"] == served["release"]
    readable = "cd /edge && rmdir releases.jsonl && mv aside releases.jsonl"
    assert execute(edge, ["sh", "-c", readable]).exit_code == 0
    serving.run("recover")
    assert serving.status()["active"]["release"] == served["release"]
    assert serving.leftovers() == []


def test_an_edge_that_the_config_has_left_behind_is_told_of(serving: Project, variant: Variant) -> None:
    # What is told first is told also where no release comes of it.
    assert "edge upgrade" not in serving.run("rollout", "--image", "deployer-test/nowhere:1", expect=5).stderr
    before = serving.status()["edge"]["address"]
    serving.config(edge={"port": serving.port + 1})
    assert "edge upgrade" in serving.run("rollout", "--image", variant(V="2")).stderr
    assert serving.status()["edge"]["address"] == before


@pytest.mark.soak
def test_a_release_whose_switch_was_only_half_written_did_not_serve(
    project: Project, variant: Variant, engine: DockerClient
) -> None:
    project.config(rollout={"observe": "0s"})
    project.run("rollout", "--image", variant(V="1"))
    started = project.start("rollout", "--image", variant(V="2", NEVER_READY="1"))
    candidate = until(lambda: project.status()["candidate"], "the candidate is there")
    started.kill()
    started.wait()
    # What the commit writes first; it was killed before it wrote the state.
    record = {
        "id": "half",
        "kind": "rollout",
        "release": candidate["release"],
        "previous": None,
        "container": candidate["container"],
        "image": "x",
        "who": "x",
        "at": "x",
        "outcome": "switched",
    }
    edge = engine.containers.get(f"{project.name}-edge")
    written = execute(edge, ["sh", "-c", 'echo "$0" >> /edge/releases.jsonl', json.dumps(record)])
    assert written.exit_code == 0
    project.run("recover")
    assert project.status()["previous"] is None
    project.run("rollback", expect=2)
    assert project.leftovers() == []
