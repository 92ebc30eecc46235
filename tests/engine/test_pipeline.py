"""The back end's pipeline on a real engine: from a commit to a release that serves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from docker import DockerClient

from benchmarks.load import Load
from tests.support import machines, pipelines, repository
from tests.support.project import Project
from tests.support.scale import QUICK, SOAK
from tests.support.striking import accident

STAGES = ["checkout", "build", "test", "containerize", "redeploy", "prune"]


def version(project: Project) -> str:
    return requests.get(f"{project.url}/", timeout=10).headers["X-Version"]


def result(project: Project, *words: str, expect: int = 0, **environ: str) -> dict[str, Any]:
    """What a run comes to, as a program hears it."""
    done = project.pipeline("backend", *words, "--json", expect=expect, env=environ)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def outcomes(found: dict[str, Any]) -> dict[str, str]:
    stages = found["stages"]
    assert isinstance(stages, list)
    return {stage["stage"]: stage["outcome"] for stage in stages}


def committed(project: Project) -> int:
    """The version that was committed last."""
    return int((project.folder / "version").read_text().split()[1])


def change(project: Project, image: str, text: str = "good") -> str:
    """Commit the next version; the commit's id."""
    return repository.commit(project, image, committed(project) + 1, text)


def running(project: Project) -> list[str]:
    """The stages that would do something."""
    plan = json.loads(project.pipeline("backend", "--plan", "--json").stdout)["stages"]
    return [each["stage"] for each in plan if each["runs"]]


@pytest.fixture(scope="module")
def project(engine: DockerClient, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A repository with a service, for all of these tests."""
    project = Project(engine, tmp_path_factory.mktemp("repository"), shop)
    repository.prepare(project, shop)
    yield project
    project.remove()


@pytest.fixture
def deployed(project: Project, shop: str) -> Project:
    """What was committed last serves."""
    if running(project) != ["checkout"]:
        change(project, shop)
        project.pipeline("backend")
    return project


def test_stage_by_stage_as_jenkins_does_and_what_fails_stops_it(deployed: Project, shop: str) -> None:
    serves, before = version(deployed), deployed.status()["active"]["release"]
    change(deployed, shop, text="bad")
    jenkins = {"BUILD_TAG": "jenkins-backend-2", "BUILD_URL": "http://127.0.0.1:9090/job/backend/2/"}
    deployed.pipeline("backend", "checkout", env=jenkins)
    deployed.pipeline("backend", "build", env=jenkins)
    done = deployed.pipeline("backend", "test", env=jenkins, expect=12)
    assert "grep -q good build/made failed (exit code 1)" in done.stderr
    done = deployed.pipeline("backend", "redeploy", env=jenkins, expect=2)
    assert "--from containerize" in done.stderr
    deployed.pipeline("backend", "report", env=jenkins)
    suite = pipelines.suite(deployed.folder, "backend")
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "3")
    assert deployed.status()["active"]["release"] == before

    # A release that does not start: the rollout's exit code and reason come through.
    change(deployed, shop)
    with (deployed.folder / "Dockerfile").open("a") as recipe:
        recipe.write("ENV EXIT_AT_START=3\n")
    jenkins["BUILD_TAG"] = "jenkins-backend-3"
    for stage in ("checkout", "build", "test", "containerize"):
        deployed.pipeline("backend", stage, env=jenkins)
    found = result(deployed, "redeploy", expect=8, **jenkins)
    assert (found["error"], found["outcome"], found["run"]) == (
        "ReleaseFailed",
        "failed",
        "jenkins-backend-3",
    )
    assert found["rollout"]["outcome"] == "failed"
    assert outcomes(found) == {"redeploy": "failed"}
    assert version(deployed) == serves
    assert "no previous release" in deployed.run("rollback", expect=2).stderr, "a bad one is none"
    assert deployed.leftovers() == []


def test_from_a_commit_to_a_release_and_then_only_what_changed(deployed: Project, shop: str) -> None:
    assert version(deployed) == str(committed(deployed))
    first = deployed.status()["active"]["release"]

    # Nothing has changed: nothing is done, and the reasons are given.
    found = result(deployed)
    assert outcomes(found) == dict.fromkeys(STAGES, "skipped") | {"checkout": "passed"}
    assert deployed.status()["active"]["release"] == first
    assert running(deployed) == ["checkout"]

    # One line has.
    sha = change(deployed, shop)
    new = str(committed(deployed))
    plan = {
        line.split()[0]: line.split(maxsplit=2)[1:]
        for line in deployed.pipeline("backend", "--plan").stdout.splitlines()
    }
    assert plan["build"] == ["runs", "files have changed"]
    assert plan["redeploy"] == ["runs", "after containerize"]
    with Load(deployed.url, QUICK) as load:
        load.wait_for_more(20)
        found = result(deployed)
        load.wait_for_version(new)
    assert load.report().clean, load.report().summary()
    assert outcomes(found) == dict.fromkeys(STAGES, "passed")
    status = deployed.status()
    assert found["commit"] == sha
    assert found["values"]["release"] == status["active"]["release"]
    assert found["values"]["previous"] == first
    suite = pipelines.suite(deployed.folder, "backend")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "0", "0")
    page = (deployed.folder / "build/reports/backend.html").read_text()
    assert status["active"]["release"] in page
    assert first in page

    # Somebody goes back by hand: what serves is not what the commit says.
    deployed.run("rollback")
    assert "serves, not" in deployed.pipeline("backend", "--plan").stdout
    # Going back by the pipeline builds nothing.
    found = result(deployed, PIPELINE_ROLLBACK_TO=status["active"]["release"])
    assert outcomes(found)["redeploy"] == "passed"
    assert outcomes(found)["build"] == outcomes(found)["containerize"] == "skipped"
    assert version(deployed) == new
    assert deployed.leftovers() == []


@dataclass(frozen=True)
class Break:
    """How a stage is broken, and what is to come of it: the exit code, and words that everybody is told.

    :param harm: done to a file of the checkout.
    :param environ: of the stage's own process.
    """

    code: int
    said: str
    file: str = ""
    harm: Callable[[Path], object] = Path.exists
    environ: Mapping[str, str] = field(default_factory=dict)


def append(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text() + text)


def dangle(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/nowhere/made")


BREAKS = {
    "checkout": Break(3, "replicas", "config.yaml", append("replicas: 2\n")),
    "build": Break(12, "dangling symlink", "build/made", dangle),
    "containerize": Break(5, "exit 4", "Dockerfile", append("RUN exit 4\n")),
    "prune": Break(4, "no Docker engine answers", environ={"DOCKER_HOST": "unix:///nowhere.sock"}),
}
"""The other stages are broken in the test above."""


def test_whichever_stage_fails_what_serves_goes_on_serving(deployed: Project, shop: str) -> None:
    serves = version(deployed)
    for stage, broken in BREAKS.items():
        change(deployed, shop)
        broken.harm(deployed.folder / broken.file)
        earlier = STAGES[: STAGES.index(stage)]
        for name in earlier:
            deployed.pipeline("backend", name)
        serves = str(committed(deployed)) if "redeploy" in earlier else serves
        done = deployed.pipeline("backend", stage, expect=broken.code, env=broken.environ)
        assert broken.said in done.stdout + done.stderr
        # Where the config cannot be read, nobody can tell where reports go.
        readable = stage != "checkout"
        deployed.pipeline("backend", "report", expect=0 if readable else broken.code)
        if readable:
            suite = pipelines.suite(deployed.folder, "backend")
            told = {case.get("name"): case.find("failure") for case in suite}
            (failure,) = (failure for failure in told.values() if failure is not None)
            assert told[stage] is failure
            assert broken.said in f"{failure.get('message')}\n{failure.text}"
            assert broken.said in (deployed.folder / "build/reports/backend.html").read_text()
        repository.git(deployed.folder, "checkout", "--", ".")
        (deployed.folder / "build/made").unlink(missing_ok=True)
        assert version(deployed) == serves
        assert deployed.leftovers() == []


def test_stopped_and_killed_in_the_middle_of_redeploy(deployed: Project, shop: str) -> None:
    change(deployed, shop)
    for stage in ("checkout", "build", "test", "containerize"):
        deployed.pipeline("backend", stage)
    state = deployed.folder / ".pipeline" / "backend.json"
    with Load(deployed.url, QUICK) as load:
        load.wait_for_more(20)
        # Told to end, it cleans up by itself; killed, the next command does.
        for signal, code, outcome in (("TERM", 143, "aborted"), ("KILL", -9, "running")):
            assert accident(deployed, signal, 6, "pipelines", "backend", "redeploy") == code, deployed.last
            assert json.loads(state.read_text())["records"]["redeploy"]["outcome"] == outcome
            if signal == "KILL":
                deployed.run("recover")
            assert deployed.leftovers() == []
        deployed.pipeline("backend", "report")
        assert "the process was killed" in (deployed.folder / "build/reports/backend.html").read_text()
        result(deployed, "--from", "redeploy")
        load.wait_for_version(str(committed(deployed)))
    assert load.report().clean, load.report().summary()


def test_with_hosts_the_same_stages_deploy_to_them_over_ssh(
    deployed: Project, shop: str, engine: DockerClient, tmp_path: Path
) -> None:
    with machines.door(engine, tmp_path) as host:
        (deployed.folder / "known_hosts").write_text(machines.known_hosts([host]))
        access = {"key": str(host.key), "known_hosts": "known_hosts"}
        deployed.config(ssh=access, hosts=[host.config()])
        change(deployed, shop)
        values = result(deployed)["values"]
        assert version(deployed) == str(committed(deployed))
        first = values["release"]
        [phase] = values["phases"]
        assert phase["state"] == f"serves {first}"

        # Nothing has changed, over there neither.
        assert outcomes(result(deployed)) == dict.fromkeys(STAGES, "skipped") | {"checkout": "passed"}

        # In a soak stage by stage, as Jenkins does; and somebody goes back over there.
        change(deployed, shop)
        new = str(committed(deployed))
        for words in [[stage] for stage in STAGES] if SOAK else [[]]:
            deployed.pipeline("backend", *words)
        assert version(deployed) == new
        second = result(deployed, "redeploy")["values"]["release"]
        deployed.run("rollback")
        plan = deployed.pipeline("backend", "--plan").stdout
        assert f"{host.config()['name']}: {first} serves, not" in plan
        assert outcomes(result(deployed, PIPELINE_ROLLBACK_TO=second))["build"] == "skipped"
        assert version(deployed) == new
