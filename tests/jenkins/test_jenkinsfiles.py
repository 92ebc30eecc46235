"""Our two Jenkinsfiles, run by the harness. Their commands are stand-ins that write down each call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.images import ROOT
from tests.support.jenkins_run import Build, Jenkins

SECRETS = {
    "gemini-api-key": "gemini-secret",
    "aws-access-key-id": "AKIASECRET",
    "aws-secret-access-key": "aws-secret",
}
STAGES = {
    "backend": ["checkout", "build", "test", "containerize", "redeploy", "prune"],
    "frontend": ["checkout", "install", "build", "deploy", "invalidate", "verify"],
}
FILES = {"backend": "Jenkinsfile.be", "frontend": "Jenkinsfile.fe"}
RECOVERY = {"backend": "deployer recover", "frontend": "deployer site prune"}
"""What puts right what a stage has left half-way: on the host, and in the bucket."""

# Fails, or waits, at the command named in FAIL or WAIT; leaves reports as `report` does.
STAND_IN = """#!/bin/sh
{{ printf '%s\\0' "$@" --; env -0; }} > "{calls}/$(ls "{calls}" | wc -l)"
case "$*" in
    *" report") mkdir -p build/reports; echo page > "build/reports/$3.html"
        echo '<testsuite><testcase name="a"/></testsuite>' > "build/reports/$3.xml" ;;
    *" $WAIT") echo waiting; trap '' TERM; while :; do sleep 0.05; done ;;
    *" $FAIL") exit 8 ;;
esac
"""


class Site:
    """A repository to check out, a folder of stand-ins, and what has been called."""

    def __init__(self, jenkins: Jenkins, folder: Path, pipeline: str) -> None:
        self.jenkins, self.folder, self.pipeline = jenkins, folder, pipeline
        self.text = (ROOT / FILES[pipeline]).read_text()
        self.calls_folder, self.tools = folder / "calls", folder / "tools"
        self.tools.mkdir()
        (self.tools / "python3").write_text(STAND_IN.format(calls=self.calls_folder))
        (self.tools / "python3").chmod(0o755)
        self.repository = folder / "repository"
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", self.repository], check=True)

    def push(self, path: str) -> None:
        """A commit that touches one file."""
        file = self.repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{file.read_text() if file.exists() else ''}again\n")
        git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-C", str(self.repository)]
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", path], check=True)

    def build(
        self, *, cause: str = "UserIdCause", params: Mapping[str, object] | None = None, **env: str
    ) -> Build:
        shutil.rmtree(self.calls_folder, ignore_errors=True)
        self.calls_folder.mkdir()
        return self.jenkins.run(
            self.text,
            self.folder / "workspace",
            job=self.folder.name,
            params=params,
            credentials=SECRETS,
            env={"PATH": f"{self.tools}:{os.environ['PATH']}", "FAIL": "nothing", "WAIT": "nothing", **env},
            scm=(str(self.repository), "main"),
            cause=cause,
            patience=0.3,
        )

    @property
    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        """Words and environment of each."""
        found = []
        for number in range(len(list(self.calls_folder.iterdir()))):
            words, _, variables = (self.calls_folder / str(number)).read_text().partition("\0--\0")
            pairs = (pair.partition("=") for pair in variables.split("\0") if pair)
            found.append((words.split("\0"), {name: value for name, _, value in pairs}))
        return found

    @property
    def commands(self) -> list[str]:
        return [" ".join(words[1:]) for words, _ in self.calls]

    def expected(self, *stages: str, recovered: bool = False) -> list[str]:
        """The commands of a build that came as far as these stages."""
        recover = [RECOVERY[self.pipeline]] if recovered else []
        return [
            *(f"pipelines {self.pipeline} {stage}" for stage in stages),
            *recover,
            f"pipelines {self.pipeline} report",
        ]


Sites = Callable[[str], Site]


@pytest.fixture
def sites(jenkins: Jenkins, tmp_path: Path) -> Sites:
    def make(pipeline: str) -> Site:
        folder = tmp_path / f"{tmp_path.name}-{pipeline}"
        folder.mkdir()
        site = Site(jenkins, folder, pipeline)
        site.push("config.yaml")
        return site

    return make


@pytest.fixture(params=["backend", "frontend"])
def site(request: pytest.FixtureRequest, sites: Sites) -> Site:
    return sites(request.param)


def test_the_grammar_has_nothing_against_it(site: Site) -> None:
    assert site.jenkins.complaints(site.text) == []


def test_it_is_a_sequence_of_commands_and_nothing_else(site: Site) -> None:
    scripts = re.findall(r"\bsh\b\s*(.*?)\s*(?:}|$)", site.text, re.MULTILINE)
    commands = [re.fullmatch(r"'python3 -m ((?:pipelines|deployer) [a-z ]+)'", script) for script in scripts]
    assert all(commands), scripts  # quoted singly: Groovy puts nothing into them
    assert [found[1] for found in commands if found] == site.expected(*STAGES[site.pipeline], recovered=True)


def test_a_build_runs_all_stages_and_keeps_the_reports(site: Site) -> None:
    build = site.build()
    outcome = build.wait()
    assert outcome.result == "SUCCESS", outcome.log
    assert site.commands == site.expected(*STAGES[site.pipeline])
    assert [stage.name for stage in outcome.stages] == ["checkout", "release", *STAGES[site.pipeline][1:]]
    assert outcome.tests == {"total": 1, "failed": 0}
    assert (build.folder / "html" / "Pipeline" / f"{site.pipeline}.html").exists()


def test_parameters_come_through_the_environment(site: Site) -> None:
    asked = {
        "PIPELINE_ENVIRONMENT": "production",
        "PIPELINE_FORCE": True,
        "PIPELINE_ROLLBACK_TO": "v1; rm -rf /",
    }
    assert site.build(params=asked).wait().result == "SUCCESS"
    for words, env in site.calls:
        assert "production" not in words
        assert (env["PIPELINE_ENVIRONMENT"], env["DEPLOYER_ENV"]) == ("production", "production")
        assert (env["PIPELINE_FORCE"], env["PIPELINE_ROLLBACK_TO"]) == ("true", "v1; rm -rf /")
        assert env.get("PIPELINE_STRATEGY") == ("" if site.pipeline == "backend" else None)


def test_secrets_are_known_to_who_needs_them_and_shown_to_nobody(site: Site) -> None:
    outcome = site.build().wait()
    holders: dict[str, list[str]] = {}
    for words, env in site.calls:
        for name, secret in SECRETS.items():
            assert secret not in " ".join(words)
            if secret in env.values():
                holders.setdefault(name, []).append(words[-1])
    if site.pipeline == "backend":
        assert holders == {"gemini-api-key": ["redeploy"]}
    else:
        told = ["deploy", "invalidate", "verify"]
        assert holders == {"aws-access-key-id": told, "aws-secret-access-key": told}
    assert not [secret for secret in SECRETS.values() if secret in outcome.log]


@pytest.mark.parametrize(
    ("pipeline", "stage"), [(name, stage) for name, stages in STAGES.items() for stage in stages]
)
def test_after_a_failure_it_recovers_and_reports(sites: Sites, pipeline: str, stage: str) -> None:
    site = sites(pipeline)
    outcome = site.build(FAIL=stage).wait()
    reached = STAGES[pipeline][: STAGES[pipeline].index(stage) + 1]
    assert outcome.result == "FAILURE"
    assert site.commands == site.expected(*reached, recovered=stage != "checkout")
    assert outcome.stage(stage).result == "FAILURE"
    assert "ERROR: script returned exit code 8" in outcome.log


@pytest.mark.parametrize(("pipeline", "stage"), [("backend", "redeploy"), ("frontend", "deploy")])
def test_after_an_abort_it_recovers_while_the_lock_is_held(sites: Sites, pipeline: str, stage: str) -> None:
    site = sites(pipeline)
    outcome = site.build(WAIT=stage).wait_for("\nwaiting\n").abort().wait()
    assert outcome.result == "ABORTED", outcome.log
    assert site.commands == site.expected(
        *STAGES[pipeline][: STAGES[pipeline].index(stage) + 1], recovered=True
    )
    # The bucket is nobody's without its keys; a host takes none.
    holds = {name for name, secret in SECRETS.items() if secret in site.calls[-2][1].values()}
    assert holds == ({"aws-access-key-id", "aws-secret-access-key"} if pipeline == "frontend" else set())
    assert "Sending interrupt signal to process" in outcome.log


def test_one_host_has_one_release_at_a_time(sites: Sites, tmp_path: Path) -> None:
    backend, frontend = sites("backend"), sites("frontend")
    first = backend.build(WAIT="test").wait_for("\nwaiting\n")
    second = frontend.build().wait_for("Trying to acquire lock on [Resource: deployment]")
    assert frontend.commands == ["pipelines frontend checkout"]
    first.abort()
    assert (first.wait().result, second.wait().result) == ("ABORTED", "SUCCESS")


def test_who_waits_for_the_lock_can_be_aborted_and_has_nothing_to_recover(sites: Sites) -> None:
    backend, frontend = sites("backend"), sites("frontend")
    first = backend.build(WAIT="test").wait_for("\nwaiting\n")
    second = frontend.build().wait_for("Trying to acquire lock on [Resource: deployment]").abort().wait()
    assert second.result == "ABORTED"
    assert frontend.commands == frontend.expected("checkout")
    first.abort().wait()


def test_a_push_releases_what_it_touches(site: Site) -> None:
    ours, theirs = "app/a", "examples/frontend/a"
    if site.pipeline == "frontend":
        ours, theirs = theirs, ours
    released = site.expected(*STAGES[site.pipeline])
    skipped = site.expected("checkout")

    def pushed(path: str, fail: str = "nothing") -> list[str]:
        site.push(path)
        site.build(cause="GitHubPushCause", FAIL=fail).wait()
        return site.commands

    assert pushed(ours) == released  # the first build knows of no changes, and releases all the same
    assert pushed(theirs) == skipped
    assert pushed("docs/a") == skipped
    assert pushed(ours) == released
    assert pushed("config.yaml", fail="build") != released
    assert pushed("docs/b") == released  # what the build before has left undone
    assert site.build().wait().result == "SUCCESS"
    assert site.commands == released  # somebody has asked for it
