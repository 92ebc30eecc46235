"""From a `git push` to a page and an API that answer: both Jenkinsfiles, executed over real parts.

Real are git, the shells, the engine, the edge, the store. What stands in for a controller is told in
docs/decisions/0016-executing-jenkinsfiles.md; the front end's build is a few lines of shell.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from docker import DockerClient

from tests.support.hub import JENKINSFILES, Hub
from tests.support.images import ROOT
from tests.support.jenkins_run import Build, Jenkins, Outcome
from tests.support.load import Load
from tests.support.project import Project
from tests.support.repository import DOCKERFILE, git
from tests.support.s3 import Server, seaweedfs
from tests.support.scale import SOAK, USUAL

CANARY = "canary-5b0c: of the model"
BACKEND, FRONTEND = "app/version", "examples/frontend/number"
BUILD_FRONT = """\
number=$(cat number)
rm -rf dist && mkdir -p dist/assets
echo "export const release = $number;" > "dist/assets/index-0000000$number.js"
echo "<!doctype html><title>release $number</title>\\
<script type=module src=/assets/index-0000000$number.js></script>" > dist/index.html
"""
IGNORED = "/.pipeline/\n/build/\ndist/\n"
BEHIND_A_SITE = replace(
    USUAL,
    get_paths=("/api/x",),
    post_path="/api/orders",
    orders_path="/api/orders",
    slow_path=f"/api{USUAL.slow_path}",
    stream_path=f"/api{USUAL.stream_path}",
    upload_path="/api/upload",
)


class Pushed:
    """A project whose checkout is pushed to a hub; its service and its site have a number each."""

    def __init__(self, project: Project, image: str, jenkins: Jenkins, server: Server) -> None:
        self.project, self.image = project, image
        self.server = server
        self.hub = Hub(
            jenkins,
            project.folder.parent / f"{project.name}-hub",
            {
                "gemini-api-key": CANARY,
                "aws-access-key-id": server.access_key,
                "aws-secret-access-key": server.secret_key,
            },
            {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                **{name: value for name, value in server.environ.items() if not name.endswith("_KEY_ID")},
                "AWS_SECRET_ACCESS_KEY": "",
            },
        )
        self.logs = ""

    @property
    def checkout(self) -> Path:
        return self.project.folder

    def write(self, path: str, text: str) -> None:
        file = self.checkout / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def api(self, number: int, text: str = "good", **manners: str) -> None:
        """A version of the service, with what else is told to its image."""
        recipe = DOCKERFILE.format(image=self.image, version=number)
        self.write("app/Dockerfile", recipe + "".join(f"ENV {k}={v}\n" for k, v in manners.items()))
        self.write(BACKEND, f"{text} {number}\n")

    def page(self, number: int) -> None:
        """A version of the front end."""
        self.write(FRONTEND, f"{number}\n")

    def push(self) -> tuple[str, dict[str, Build]]:
        """Commit, push, and what the push has started."""
        git(self.checkout, "add", ".")
        git(self.checkout, "commit", "--quiet", "--message", "Change it")
        return self.hub.push(self.checkout), self.hub.builds()

    def finish(self, builds: dict[str, Build], **results: str) -> dict[str, Outcome]:
        """Wait for both, whose results are SUCCESS unless told."""
        outcomes = {name: build.wait() for name, build in builds.items()}
        for name, outcome in outcomes.items():
            assert outcome.result == results.get(name, "SUCCESS"), outcome.log
            self.logs += outcome.log
        return outcomes

    def serves(self, page: int, api: int) -> None:
        """Both answer on the edge's one port, the page with all that it refers to."""
        html = requests.get(f"{self.project.url}/interviews/7", timeout=10).text
        assert f"<title>release {page}</title>" in html
        for script in re.findall("src=([^>]+)>", html):
            assert f"release = {page};" in requests.get(self.project.url + script, timeout=10).text
        answer = requests.get(f"{self.project.url}/api/x", timeout=10)
        assert (answer.status_code, answer.headers["x-version"]) == (200, str(api))

    def converged(self) -> None:
        assert self.project.leftovers() == []


def ran(outcome: Outcome) -> list[str]:
    return [stage.name for stage in outcome.stages if stage.skipped is None and stage.name != "release"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Jenkins, Server]]:
    """What takes a moment to come up: a virtual machine and a store, both at once."""
    with (
        Jenkins(tmp_path_factory.mktemp("jenkins")) as jenkins,
        seaweedfs(public=True) as server,
    ):
        yield jenkins, server


@pytest.fixture
def pushed(parts: tuple[Jenkins, Server], project: Project, shop: str) -> Pushed:
    """A checkout with both Jenkinsfiles in it, not yet pushed."""
    pushed = Pushed(project, shop, *parts)
    project.keep_orders()
    project.config(
        service={
            "image": None,
            "build": {"context": "app", "dockerfile": "app/Dockerfile"},
            "env": {"GEMINI_KEY": "${env:GEMINI_API_KEY}"},
        },
        site={
            "dist": "examples/frontend/dist",
            "bucket": pushed.server.bucket(),
            "endpoint": pushed.server.endpoint,
        },
        # The previous release ends with its last request, for which an interrupted command cannot wait.
        rollout={"observe": "0s", "keep_warm": "0s"},
        pipelines={
            "backend": {
                "build": {
                    "commands": [["sh", "-c", "mkdir -p build && cp app/version build/made"]],
                    "inputs": [BACKEND],
                    "outputs": ["build/made"],
                },
                "test": {"commands": [["grep", "-q", "good", "build/made"]], "inputs": [BACKEND]},
            },
            "frontend": {
                "install": {"commands": [["sh", "-n", "build.sh"]], "inputs": ["build.sh"], "outputs": []},
                "build": {"commands": [["sh", "-e", "build.sh"]]},
            },
        },
    )
    for jenkinsfile in JENKINSFILES.values():
        pushed.write(jenkinsfile, (ROOT / jenkinsfile).read_text())
    pushed.write("examples/frontend/build.sh", BUILD_FRONT)
    pushed.write(".gitignore", IGNORED)
    pushed.api(1)
    pushed.page(1)
    git(project.folder, "init", "--quiet", "--initial-branch=main")
    return pushed


def test_from_a_push_to_a_page_and_an_api_and_whatever_befalls_it(pushed: Pushed) -> None:
    project = pushed.project
    sha, builds = pushed.push()
    outcomes = pushed.finish(builds)
    assert ran(outcomes["backend"]) == ["checkout", "build", "test", "containerize", "redeploy", "prune"]
    assert ran(outcomes["frontend"]) == ["checkout", "install", "build", "deploy", "invalidate", "verify"]
    assert {outcome.commit for outcome in outcomes.values()} == {sha}
    assert outcomes["backend"].tests == {"total": 6, "failed": 0}
    pushed.serves(page=1, api=1)
    first = project.status()["active"]
    container = project.client.containers.get(first["container"])
    assert f"GEMINI_KEY={CANARY}" in container.attrs["Config"]["Env"], "it came where it belongs"

    with Load(project.url, BEHIND_A_SITE) as load:
        load.wait_for_more(20)

        # A push that touches the front end alone releases the front end alone.
        pushed.page(2)
        outcomes = pushed.finish(pushed.push()[1])
        assert ran(outcomes["backend"]) == ["checkout"]
        assert "verify" in ran(outcomes["frontend"])
        pushed.serves(page=2, api=1)
        assert project.status()["active"] == first

        # What does not pass its test is not released.
        pushed.api(2, "bad")
        outcomes = pushed.finish(pushed.push()[1], backend="FAILURE")
        assert ran(outcomes["backend"]) == ["checkout", "build", "test"]
        assert "python3 -m deployer recover" in outcomes["backend"].log
        assert ran(outcomes["frontend"]) == ["checkout"]
        assert project.status()["active"] == first

        # A build that is stopped in the middle of `redeploy`: SIGTERM is enough while nothing is switched.
        pushed.api(3, BOOT_SECONDS="3")
        _, builds = pushed.push()
        builds["backend"].wait_for("is ready").abort()
        outcomes = pushed.finish(builds, backend="ABORTED")
        assert "SIGKILL" not in outcomes["backend"].log
        pushed.serves(page=2, api=1)
        pushed.converged()

        # It is not while a stream is to be waited for: killed after five seconds, `recover` sees to its end.
        pushed.api(4)
        with ThreadPoolExecutor(1) as pool:
            _, builds = pushed.push()
            builds["backend"].wait_for("containerize")
            stream = pool.submit(requests.get, f"{project.url}/api/stream?s=20", timeout=60)
            builds["backend"].wait_for("previous release's last requests").abort()
            pushed.finish(builds, backend="ABORTED")
            assert "event: done\ndata: 1\n" in stream.result().text
        pushed.serves(page=2, api=4)
        pushed.converged()
        load.wait_for_more(20)
    report = load.report()
    assert report.clean, report.summary()

    for secret in (CANARY, pushed.server.secret_key):
        assert secret not in pushed.logs
        assert secret not in git(pushed.hub.repository, "log", "--patch", "--all")
