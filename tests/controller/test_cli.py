"""`pipelines jenkins run`, `watch`, `jobs`, `webhook` and `status`, as a person gives them."""

from __future__ import annotations

import argparse
import io
import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ExitStatus
from pipelines.__main__ import PROGRAM, main
from pipelines.jenkins.cli import ACTIONS
from tests.support import cli
from tests.support.cli import Done
from tests.support.github import TOKEN, GitHubDouble
from tests.support.jenkins_double import JenkinsDouble
from tests.support.jenkins_state import Build
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]


class Terminal(io.StringIO):
    """A person's keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def folder(jenkins: JenkinsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, jenkins)
    return tmp_path


def write(folder: Path, jenkins: JenkinsDouble, **more: Any) -> None:
    settings = {
        "url": jenkins.url,
        "token": "${env:JENKINS_TOKEN}",
        "repository": "https://github.com/example/shop.git",
        **more,
    }
    config = {
        "service": {"name": "shop", "image": "shop:1", "port": 80},
        "site": {"bucket": "shop-site"},
        "jenkins": settings,
    }
    (folder / "config.yaml").write_text(json.dumps(config))


def said(jenkins: JenkinsDouble, *words: str, stdin: io.StringIO | None = None, **environ: str) -> Done:
    environ = {"JENKINS_TOKEN": jenkins.token, **environ}
    return cli.program(main, ["jenkins", *words], environ, stdin)


def until_stopped(build: Build) -> str:
    build.stopped.wait(60)
    return "SUCCESS"


@pytest.mark.usefixtures("folder")
class TestRun:
    @pytest.fixture(autouse=True)
    def jobs(self, jenkins: JenkinsDouble, folder: Path) -> None:
        assert said(jenkins, "jobs").status == 0

    def test_a_build_is_followed_and_its_outcome_is_the_exit_code(self, jenkins: JenkinsDouble) -> None:
        def script(build: Build) -> str:
            build.say("[Pipeline] { (test)", f"strategy {build.parameters['PIPELINE_STRATEGY']}")
            return "UNSTABLE"

        jenkins.script = script
        done = said(jenkins, "run", "backend", "-p", "PIPELINE_STRATEGY=recreate", "--watch")
        assert done.status == 22
        assert "shop-backend | strategy recreate" in done.stderr
        assert done.stdout == "shop-backend #1: UNSTABLE (1 s)\n"

    def test_a_program_reads_events_and_then_the_outcome(self, jenkins: JenkinsDouble) -> None:
        lines = said(jenkins, "run", "frontend", "--watch", "--json").stdout.splitlines()
        assert json.loads(lines[0])["event"] == "build_runs"
        assert json.loads(lines[-1]) == {
            "job": "shop-frontend",
            "result": "SUCCESS",
            "build": 1,
            "url": f"{jenkins.url}/job/shop-frontend/1/",
            "seconds": 1.2,
            "exit_status": 0,
        }

    def test_without_watch_it_is_only_put_into_the_queue(self, jenkins: JenkinsDouble) -> None:
        assert said(jenkins, "run", "backend").stdout == "shop-backend is in the queue (item 1)\n"

    def test_a_parameter_without_a_value_is_refused(self, jenkins: JenkinsDouble) -> None:
        done = said(jenkins, "run", "backend", "-p", "STRATEGY")
        assert (done.status, jenkins.items) == (2, {})
        assert "must be KEY=VALUE" in done.stderr

    @pytest.mark.parametrize(("answer", "result"), [("y\n", "ABORTED"), ("\n", None)])
    def test_ctrl_c_asks_whether_to_stop_the_build(
        self, jenkins: JenkinsDouble, answer: str, result: str | None
    ) -> None:
        done = self.interrupted(jenkins, Terminal(answer))
        assert "Stop shop-backend #1, too? [y/N]" in done.stderr
        assert done.status == (23 if result else 130)
        assert jenkins.jobs["shop-backend"].builds[0].result == result
        if result is None:
            assert "shop-backend goes on" in done.stderr

    def test_ctrl_c_asks_nobody_where_nobody_is(self, jenkins: JenkinsDouble) -> None:
        done = self.interrupted(jenkins, io.StringIO("y\n"))
        assert done.status == 130
        assert "[y/N]" not in done.stderr
        assert jenkins.jobs["shop-backend"].builds[0].result is None

    def interrupted(self, jenkins: JenkinsDouble, stdin: io.StringIO) -> Done:
        """A run that gets SIGINT once its build has begun."""

        def strike() -> None:
            until(lambda: any("logText" in line for line in jenkins.requests), "the log is followed")
            signal.raise_signal(signal.SIGINT)

        jenkins.script = until_stopped
        striker = threading.Thread(target=strike)
        striker.start()
        try:
            return said(jenkins, "run", "backend", "--watch", stdin=stdin)
        finally:
            striker.join()


@pytest.mark.usefixtures("folder")
class TestJobs:
    def test_they_are_planned_made_changed_and_removed(self, jenkins: JenkinsDouble, folder: Path) -> None:
        plan = said(jenkins, "jobs", "--plan").stdout
        assert plan == "create  shop-frontend\ncreate  shop-backend\n"
        assert jenkins.jobs == {}
        assert said(jenkins, "jobs").stderr == "created job shop-frontend\ncreated job shop-backend\n"
        write(folder, jenkins, branch="release")
        plan = said(jenkins, "jobs", "--plan").stdout
        assert "update  shop-backend\n        definition/scm/branches/BranchSpec[*/release]/name:" in plan
        assert said(jenkins, "jobs", "--json").status == 0
        assert said(jenkins, "jobs").stdout == "keep    shop-frontend\nkeep    shop-backend\n"
        jenkins.save("theirs", "<project/>")
        assert said(jenkins, "jobs", "--remove").status == 0
        assert set(jenkins.jobs) == {"theirs"}

    def test_a_job_that_a_person_made_is_neither_changed_nor_removed(self, jenkins: JenkinsDouble) -> None:
        jenkins.save("shop-backend", "<project/>")
        for words in (["jobs", "--plan"], ["jobs"]):
            done = said(jenkins, *words)
            assert done.status == ExitStatus.JENKINS
            assert "a job shop-backend already, and it is not ours" in done.stderr
        assert said(jenkins, "jobs", "--remove").status == 0
        assert set(jenkins.jobs) == {"shop-backend"}

    def test_without_a_token_it_says_how_to_give_one(self, folder: Path, jenkins: JenkinsDouble) -> None:
        write(folder, jenkins, token=None)
        done = said(jenkins, "jobs")
        assert done.status == 3
        assert "jenkins.token is missing" in done.stderr


@pytest.mark.usefixtures("folder")
class TestWatch:
    def test_nothing(self, jenkins: JenkinsDouble) -> None:
        assert said(jenkins, "watch").stdout == "nothing runs, nothing waits\n"

    def test_what_runs_and_what_waits(self, jenkins: JenkinsDouble) -> None:
        said(jenkins, "jobs")
        jenkins.script = until_stopped
        said(jenkins, "run", "backend")
        said(jenkins, "run", "frontend")
        lines = said(jenkins, "watch").stdout.splitlines()
        assert lines[0].startswith("running  shop-backend #1  executor 0 of Built-In Node  http")
        assert lines[1] == "waiting  shop-frontend  Waiting for next available executor"
        found = said(jenkins, "watch", "--json").json
        assert [item["job"] for item in found["waiting"]] == ["shop-frontend"]

    def test_a_controller_that_is_away_is_an_error_with_a_remedy(self, jenkins: JenkinsDouble) -> None:
        jenkins.stop()
        done = said(jenkins, "watch")
        assert done.status == 20
        assert "nothing answers" in done.stderr
        assert "pipelines jenkins up" in done.stderr


@pytest.mark.usefixtures("folder")
class TestWebhook:
    def test_it_tells_what_to_set(self, jenkins: JenkinsDouble) -> None:
        found = said(jenkins, "webhook").stdout
        assert f"Payload URL   {jenkins.url}/github-webhook/\n" in found
        assert "example/shop" in found
        assert said(jenkins, "webhook", "--json").json["events"] == ["push"]

    def test_it_makes_it(self, jenkins: JenkinsDouble, folder: Path) -> None:
        with GitHubDouble() as github:
            write(folder, jenkins, github_token="${env:GITHUB}", github_api=github.url)
            planned = said(jenkins, "webhook", "--create", "--plan", GITHUB=TOKEN)
            assert planned.stdout.startswith("create: example/shop tells ")
            assert github.hooks == []
            done = said(jenkins, "webhook", "--create", GITHUB=TOKEN)
            assert done.stdout == f"created: example/shop tells {jenkins.url}/github-webhook/ of every push\n"
            assert len(github.hooks) == 1

    def test_a_plan_of_what_changes_nothing_is_refused(self, jenkins: JenkinsDouble) -> None:
        assert said(jenkins, "webhook", "--plan").status == ExitStatus.USAGE

    def test_it_checks_a_delivery(self, jenkins: JenkinsDouble, folder: Path) -> None:
        jenkins.webhook_secret = "shared"
        write(folder, jenkins, webhook_secret="${env:HOOK}")
        assert said(jenkins, "webhook", "--check", HOOK="shared").status == 0
        done = said(jenkins, "webhook", "--check", HOOK="other")
        assert done.status == 20
        assert "!!  a ping with a signature is answered with 400" in done.stdout
        assert "s3cret" not in done.stdout


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_on_the_page_with_its_options(action: str) -> None:
    page = (ROOT / "docs" / "jenkins.md").read_text()
    assert f"pipelines jenkins {action} " in page
    jenkins = PROGRAM.parser("jenkins").commands["jenkins"]
    subs = next(found for found in jenkins._actions if isinstance(found, argparse._SubParsersAction))
    known = {"--help", "--config", "--env", "--set", "--json"}
    options = {name for name in subs.choices[action]._option_string_actions if name.startswith("--")} - known
    assert {name for name in options if f"`{name}" not in page} == set()
