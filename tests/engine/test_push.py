"""From a `git push` to a page and an API that answer: both Jenkinsfiles, executed over real parts.

Real are git, the shells, the engine, the edge, the store. What stands in for a controller is told in
docs/decisions/0016-executing-jenkinsfiles.md; the front end's build is a few lines of shell.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

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


@dataclass(frozen=True)
class Abort:
    """A build that is stopped in `redeploy`, and what is to come of it.

    :param at: what the log says just then.
    :param switched: the new release serves in the end.
    """

    at: str
    switched: bool = False
    strategy: str = ""


ABORTS = {
    # The old release still has a stream to end; the command after this one waits for that.
    "while draining": Abort("previous release's last requests", switched=True),
}
if SOAK:
    ABORTS |= {
        "while starting": Abort("is ready"),
        "while holding": Abort("is ready", strategy="recreate"),
    }


class Pushed:
    """A project whose checkout is pushed to a hub; its service and its site have a number each.

    :ivar first: what the first push came to.
    """

    first: Mapping[str, Outcome]

    def __init__(self, project: Project, image: str, jenkins: Jenkins, server: Server) -> None:
        self.project, self.image, self.server = project, image, server
        self.numbers = {"page": 0, "api": 0}
        self.secrets = {
            "gemini-api-key": CANARY,
            "aws-access-key-id": server.access_key,
            "aws-secret-access-key": server.secret_key,
        }
        known = {name: value for name, value in server.environ.items() if "_KEY" not in name}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        folder = project.folder.parent / f"{project.name}-hub"
        self.hub = Hub(jenkins, folder, self.secrets, {"PATH": path, "PYTHONPATH": str(ROOT), **known})

    def write(self, path: str, text: str) -> None:
        """A file of the checkout."""
        file = self.project.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def api(self, text: str = "good", **manners: str) -> None:
        """The next version of the service; its image is told its manners."""
        self.numbers["api"] += 1
        recipe = DOCKERFILE.format(image=self.image, version=self.numbers["api"])
        self.write("app/Dockerfile", recipe + "".join(f"ENV {k}={v}\n" for k, v in manners.items()))
        self.write("app/version", f"{text} {self.numbers['api']}\n")

    def page(self) -> None:
        """The next version of the front end."""
        self.numbers["page"] += 1
        self.write("examples/frontend/number", f"{self.numbers['page']}\n")

    def push(self) -> None:
        """Commit, and push."""
        git(self.project.folder, "add", ".")
        git(self.project.folder, "commit", "--quiet", "--message", "Change it")
        self.hub.push(self.project.folder)

    def outcome(self, build: Build, result: str = "SUCCESS") -> Outcome:
        """Wait for a build, which must come to this and tell no secret."""
        outcome = build.wait()
        assert outcome.result == result, outcome.log
        assert not [secret for secret in self.secrets.values() if secret in outcome.log]
        return outcome

    def outcomes(self, **results: str) -> dict[str, Outcome]:
        """What both jobs make of a push: SUCCESS unless told."""
        builds = self.hub.builds()
        return {name: self.outcome(build, results.get(name, "SUCCESS")) for name, build in builds.items()}

    def serves(self) -> dict[str, str]:
        """Which page, with all that it refers to, and which API answer on the one port."""
        html = requests.get(f"{self.project.url}/interviews/7", timeout=10).text
        ((page, script),) = re.findall(
            "<title>release (.)</title><script type=module src=(.+)></script>", html
        )
        assert f"release = {page};" in requests.get(self.project.url + script, timeout=10).text
        answer = requests.get(f"{self.project.url}/api/x", timeout=10)
        answer.raise_for_status()
        return {"page": page, "api": answer.headers["x-version"]}

    def active(self) -> Mapping[str, str]:
        """The serving release of the service, which has left nothing lying about."""
        assert self.project.leftovers() == []
        found: Mapping[str, str] = self.project.status()["active"]
        return found


def ran(outcome: Outcome) -> list[str]:
    """The stages that did something, without the one around them."""
    return [stage.name for stage in outcome.stages if stage.skipped is None and stage.name != "release"]


@pytest.fixture(scope="module")
def pushed(engine: DockerClient, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """A checkout that was pushed once."""
    with Jenkins(tmp_path_factory.mktemp("jenkins")) as jenkins, seaweedfs(public=True) as server:
        project = Project(engine, tmp_path_factory.mktemp("checkout"), shop)
        try:
            pushed = Pushed(project, shop, jenkins, server)
            prepare(pushed)
            pushed.first = pushed.outcomes()
            yield pushed
        finally:
            project.remove()


def prepare(pushed: Pushed) -> None:
    """Push the first version of everything."""
    project = pushed.project
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
        # The previous release ends with its last request.
        rollout={"observe": "0s", "keep_warm": "0s"},
        pipelines={
            "backend": {
                "build": {
                    "commands": [["sh", "-c", "mkdir -p build && cp app/version build/made"]],
                    "inputs": ["app/version"],
                    "outputs": ["build/made"],
                },
                "test": {"commands": [["grep", "-q", "good", "build/made"]], "inputs": ["app/version"]},
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
    pushed.api()
    pushed.page()
    git(project.folder, "init", "--quiet", "--initial-branch=main")
    pushed.push()


def test_a_push_becomes_a_page_and_an_api(pushed: Pushed) -> None:
    outcomes = pushed.first
    assert ran(outcomes["backend"]) == ["checkout", "build", "test", "containerize", "redeploy", "prune"]
    assert ran(outcomes["frontend"]) == ["checkout", "install", "build", "deploy", "invalidate", "verify"]
    commits = {outcome.commit for outcome in outcomes.values()}
    assert commits == {git(pushed.hub.repository, "rev-list", "--max-parents=0", "main")}
    assert outcomes["backend"].tests == {"total": 6, "failed": 0}
    assert pushed.serves() == {name: str(number) for name, number in pushed.numbers.items()}
    container = pushed.project.client.containers.get(pushed.active()["container"])
    assert f"GEMINI_KEY={CANARY}" in container.attrs["Config"]["Env"], "a secret comes where it belongs"


# That a push releases what it touches is shown by the next test as well, and for both files in tests/jenkins.
@pytest.mark.soak
def test_a_push_to_the_front_end_releases_that_alone(pushed: Pushed) -> None:
    before = pushed.active(), pushed.serves()
    pushed.page()
    pushed.push()
    outcomes = pushed.outcomes()
    assert (ran(outcomes["backend"]), len(ran(outcomes["frontend"]))) == (["checkout"], 6)
    assert pushed.active() == before[0]
    assert pushed.serves() == before[1] | {"page": str(pushed.numbers["page"])}


def test_what_fails_its_tests_is_not_released(pushed: Pushed) -> None:
    before = pushed.active(), pushed.serves()
    pushed.api("bad")
    pushed.push()
    outcomes = pushed.outcomes(backend="FAILURE")
    assert (ran(outcomes["backend"]), ran(outcomes["frontend"])) == (
        ["checkout", "build", "test"],
        ["checkout"],
    )
    assert "+ python3 -m deployer recover" in outcomes["backend"].log
    assert (pushed.active(), pushed.serves()) == before


@pytest.mark.parametrize("abort", ABORTS.values(), ids=ABORTS)
def test_a_build_stopped_in_redeploy_loses_nothing(pushed: Pushed, abort: Abort) -> None:
    project, before = pushed.project, pushed.serves()
    serving = project.client.containers.get(pushed.active()["container"])
    pushed.api(BOOT_SECONDS="2" if abort.switched else "4")
    pushed.push()
    with Load(project.url, BEHIND_A_SITE) as load, ThreadPoolExecutor(1) as pool:
        load.wait_for_more(20)
        build = pushed.hub.build("backend", PIPELINE_STRATEGY=abort.strategy)
        build.wait_for("is ready", timeout=120)
        stream = (
            None
            if abort.strategy
            else pool.submit(requests.get, f"{project.url}/api/stream?s=300", timeout=120)
        )
        build.wait_for(abort.at).abort().wait_for("deployer recover")
        if stream:
            # Not before: an interrupted command leaves it what it has in its hands.
            serving.kill("USR1")
        outcome = pushed.outcome(build, "ABORTED")
        assert ran(outcome) == ["checkout", "build", "test", "containerize", "redeploy"]
        if stream:
            assert f"event: done\ndata: {before['api']}\n" in stream.result().text
        load.wait_for_more(20)
    report = load.report()
    assert report.clean, report.summary()
    assert pushed.serves()["api"] == (str(pushed.numbers["api"]) if abort.switched else before["api"])
    assert pushed.active()["ready"]
