"""What the harness does with several builds: locks, queues, milestones, histories, a killed session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.images import ROOT
from tests.support.jenkins_run import Jenkins
from tests.support.processes import runs
from tests.support.waiting import until


def pipeline(steps: str, options: str = "", post: str = "", when: str = "") -> str:
    """A file with one stage, Work."""
    return f"""
        pipeline {{
            agent any
            {options and f"options {{ {options} }}"}
            stages {{ stage('Work') {{
                {when and f"when {{ {when} }}"}
                steps {{ {steps} }}
            }} }}
            {post and f"post {{ {post} }}"}
        }}"""


def until_told(folder: Path, name: str = "go") -> str:
    """A step that says `ready`, and ends once the file is there."""
    return f"sh 'echo ready; until [ -e {folder}/{name} ]; do sleep 0.02; done'"


def test_a_lock_is_shared_by_jobs_and_waiting_for_it_can_be_aborted(jenkins: Jenkins, tmp_path: Path) -> None:
    lock = f"lock('{tmp_path.name}')"
    first = jenkins.run(pipeline(until_told(tmp_path), lock), tmp_path / "a", job="lock-a").wait_for(
        "\nready\n"
    )
    second = jenkins.run(pipeline("echo '> second'", lock), tmp_path / "b", job="lock-b").wait_for("Trying")
    third = jenkins.run(
        pipeline("echo '> third'", lock, "always { sh 'echo post' }"), tmp_path / "c", job="lock-c"
    )
    ended = third.wait_for("Trying").abort().wait()
    # It never got to its stages: its post runs, but outside of the agent that it has left.
    assert ended.result == "ABORTED"
    assert "> third" not in ended.log
    assert "Required context class hudson.FilePath is missing" in ended.log

    assert "> second" not in second.log
    (tmp_path / "go").touch()
    assert first.wait().result == second.wait().result == "SUCCESS"
    assert "> second" in second.log


def test_builds_of_a_job_take_turns(jenkins: Jenkins, tmp_path: Path) -> None:
    alone = "disableConcurrentBuilds()"
    first = jenkins.run(pipeline(until_told(tmp_path), alone), tmp_path, job="turns").wait_for("\nready\n")
    second = jenkins.run(pipeline("echo '> second'", alone), tmp_path, job="turns")
    other = jenkins.run(pipeline("echo '> other'", alone), tmp_path / "other", job="no-turns")
    assert other.wait().result == "SUCCESS"
    assert second.log == ""
    (tmp_path / "go").touch()
    assert first.wait().result == second.wait().result == "SUCCESS"


def test_a_newer_build_ends_the_one_before_it_if_asked_to(jenkins: Jenkins, tmp_path: Path) -> None:
    alone = "disableConcurrentBuilds(abortPrevious: true)"
    first = jenkins.run(pipeline("sh 'echo ready; exec sleep 60'", alone), tmp_path, job="newest")
    first.wait_for("\nready\n")
    assert jenkins.run(pipeline("echo 'second'", alone), tmp_path, job="newest").wait().result == "SUCCESS"
    assert first.wait().result == "NOT_BUILT"


def test_no_build_passes_a_milestone_after_a_newer_one(jenkins: Jenkins, tmp_path: Path) -> None:
    old = jenkins.run(
        pipeline(until_told(tmp_path) + "; milestone 1; echo '> old'"), tmp_path / "a", job="stones"
    )
    old.wait_for("\nready\n")
    new = jenkins.run(pipeline("milestone 1; echo '> new'"), tmp_path / "b", job="stones").wait()
    (tmp_path / "go").touch()
    late = old.wait()
    assert "> new" in new.log
    assert (late.result, late.stage("Work").result) == ("NOT_BUILT", "NOT_BUILT")
    assert "> old" not in late.log


def test_a_build_that_is_between_two_milestones_is_ended_by_a_newer_one(
    jenkins: Jenkins, tmp_path: Path
) -> None:
    steps = "milestone 1; sh 'echo ready; exec sleep 60'; milestone 2"
    old = jenkins.run(pipeline(steps), tmp_path / "a", job="stones-2").wait_for("\nready\n")
    new = jenkins.run(pipeline("milestone 1; milestone 2"), tmp_path / "b", job="stones-2").wait()
    assert (new.result, old.wait().result) == ("SUCCESS", "NOT_BUILT")


def test_a_job_knows_its_builds(jenkins: Jenkins, tmp_path: Path) -> None:
    post = "fixed { echo '> fixed' }; changed { echo '> changed' }; regression { echo '> regression' }"
    said = []
    for steps in ("echo 'a'", "error 'b'", "error 'c'", "echo 'd'", "echo 'e'"):
        outcome = jenkins.run(pipeline(steps, post=post), tmp_path, job="history").wait()
        said.append([line[2:] for line in outcome.log.splitlines() if line.startswith("> ")])
    assert said == [["changed"], ["changed", "regression"], [], ["changed", "fixed"], []]


def test_a_build_is_asked_about_the_changes_since_the_one_before(jenkins: Jenkins, tmp_path: Path) -> None:
    repository = tmp_path / "repository"

    def git(*words: str) -> str:
        identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
        command = ["git", *identity, "-C", str(repository), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(path: str) -> str:
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
        git("add", ".")
        git("commit", "--quiet", "-m", path)
        return git("rev-parse", "HEAD")

    repository.mkdir()
    git("init", "--quiet", "--initial-branch", "main")
    text = pipeline("echo '> ran'; sh 'git log -1 --format=\"> %s $GIT_COMMIT\"'", when="changeset 'app/**'")
    for path, ran in (("app/a", False), ("docs/b", False), ("app/c", True), ("docs/d", False)):
        made = commit(path)
        outcome = jenkins.run(text, tmp_path / "work", job="changes", scm=(str(repository), "main")).wait()
        assert outcome.result == "SUCCESS", outcome.log
        assert outcome.commit == made
        assert ("> ran" in outcome.log) == ran, path  # nothing has changed before the first build
        assert (f"> {path} {made}" in outcome.log) == ran


def test_reports_are_kept(jenkins: Jenkins, tmp_path: Path) -> None:
    steps = (
        "sh 'mkdir -p out/deep; echo page > out/index.html; echo data > out/deep/data';"
        " archiveArtifacts 'out/**';"
        " publishHTML target: [reportDir: 'out', reportFiles: 'index.html', reportName: 'Page']"
    )
    build = jenkins.run(pipeline(steps), tmp_path, job="reports")
    assert build.wait().result == "SUCCESS"
    kept = sorted(str(path.relative_to(build.folder)) for path in build.folder.rglob("*") if path.is_file())
    assert kept == [
        "archive/out/deep/data",
        "archive/out/index.html",
        "html/Page/deep/data",
        "html/Page/index.html",
        "log",
    ]


def test_checkout_needs_a_repository(jenkins: Jenkins, tmp_path: Path) -> None:
    outcome = jenkins.run(pipeline("checkout scm"), tmp_path).wait()
    assert outcome.result == "FAILURE"
    assert "'checkout scm' is for a Jenkinsfile that comes from a repository" in outcome.log


def test_by_itself_it_follows_a_file_and_ends_with_its_result(tmp_path: Path) -> None:
    file, secrets = tmp_path / "Jenkinsfile", tmp_path / "credentials.json"
    bound = "withCredentials([string(credentialsId: 'token', variable: 'T')]) { sh 'echo \"> $how $T\"' }"
    file.write_text(pipeline(f"{bound}; unstable 'hm'"))
    secrets.write_text(json.dumps({"token": "s3cret"}))
    command = [
        sys.executable,
        "-m",
        "tests.support.jenkins_run",
        str(file),
        "--workspace",
        str(tmp_path / "work"),
    ]
    done = subprocess.run(
        [*command, "--param", "how=well", "--credentials", str(secrets)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "> well ****" in done.stdout.splitlines()


def test_a_killed_session_leaves_no_process(tmp_path: Path) -> None:
    file = tmp_path / "Jenkinsfile"
    file.write_text(pipeline("sh 'echo $$ > pid; exec sleep 600'"))
    command = [
        sys.executable,
        "-m",
        "tests.support.jenkins_run",
        str(file),
        "--workspace",
        str(tmp_path / "work"),
    ]
    session = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pid = until(
        lambda: (tmp_path / "work" / "pid").exists() and (tmp_path / "work" / "pid").read_text().strip(),
        "a shell",
    )
    session.send_signal(signal.SIGKILL)
    session.wait()
    until(lambda: not runs(str(pid)), "its end")
