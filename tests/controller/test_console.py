"""A build's console: in order, whole, whatever happens to the connection, and in bounded memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from deployer.errors import JenkinsUnreachable
from deployer.events import Event, Warned
from pipelines.jenkins import client as clients
from pipelines.jenkins import console
from pipelines.jenkins.client import Client, Timeouts
from pipelines.jenkins.console import Stages, follow
from tests.support.bound import BOUND
from tests.support.jenkins_double import JenkinsDouble
from tests.support.jenkins_state import Build
from tests.support.waiting import until

LARGE = 100 * 1024**2
"""Bytes of a console that must not be held in memory."""


def test_it_is_followed_while_it_grows(client: Client, jenkins: JenkinsDouble, job: str) -> None:
    go = threading.Event()

    def script(build: Build) -> str:
        build.say("first")
        build.log += b"half a lin"
        assert go.wait(30)
        build.say("e", "漢字 done")
        return "SUCCESS"

    jenkins.script = script
    client.trigger(job)
    lines = follow(client, job, 1)
    assert next(lines) == "first"
    go.set()
    assert list(lines) == ["half a line", "漢字 done", "Finished: SUCCESS"]


@pytest.mark.parametrize(
    "said",
    [
        ["+ make", "漢字", "", "done"],  # what is answered is longer than what lies in the log
        ["[Pipeline] { (Build)", "+ make", "[Pipeline] }"],  # and here shorter
    ],
)
def test_an_answer_is_not_as_long_as_what_it_is_of(
    client: Client, jenkins: JenkinsDouble, job: str, said: list[str]
) -> None:
    turns = [threading.Event() for _ in range(4)]

    def script(build: Build) -> str:
        for turn in turns:
            build.say(*said)
            assert turn.wait(30)
        build.log += b"50 %\r\n"
        return "SUCCESS"

    jenkins.script = script
    client.trigger(job)
    lines = follow(client, job, 1)
    for turn in turns:
        assert [next(lines) for _ in said] == said
        turn.set()
    assert list(lines) == ["50 %", "Finished: SUCCESS"]


def test_a_connection_that_is_cut_loses_and_repeats_nothing(
    client: Client, jenkins: JenkinsDouble, job: str
) -> None:
    expected = [f"line {number} 漢字" for number in range(5000)]

    def script(build: Build) -> str:
        build.say(*expected)
        return "SUCCESS"

    jenkins.script = script
    client.trigger(job)
    until(lambda: jenkins.jobs[job].builds[0].result, "its end")
    jenkins.cut_after = 70_000  # within the second piece
    assert list(follow(client, job, 1)) == [*expected, "Finished: SUCCESS"]
    # Where in the log the cut was cannot be known: the same is asked for again.
    assert [line.rpartition("?")[2] for line in jenkins.requests if "?start=" in line] == ["start=0"] * 2


def test_a_connection_that_is_always_cut_is_given_up(
    connect: Callable[..., Client], jenkins: JenkinsDouble, job: str, told: list[Event]
) -> None:
    client = connect(timeouts=Timeouts(connect=1.0, read=0.4, patience=0.1))
    client.trigger(job)
    jenkins.cut_after, jenkins.cuts_always = 0, True
    with pytest.raises(JenkinsUnreachable, match="reading the console of shop #1"):
        list(follow(client, job, 1))
    assert len([event for event in told if isinstance(event, Warned)]) == 1


def test_a_controller_that_restarts_is_gone_on_with(client: Client, jenkins: JenkinsDouble, job: str) -> None:
    go = threading.Event()

    def script(build: Build) -> str:
        build.say("before")
        assert go.wait(30)
        build.say("after")
        return "SUCCESS"

    jenkins.script = script
    client.trigger(job)
    lines = follow(client, job, 1)
    assert next(lines) == "before"
    jenkins.stop()
    go.set()
    threading.Timer(0.2, jenkins.start).start()
    assert list(lines) == ["after", "Finished: SUCCESS"]


def test_a_line_that_never_ends_is_broken(
    client: Client, jenkins: JenkinsDouble, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "LONGEST", 10)
    monkeypatch.setattr(clients, "PIECE", 8)

    def script(build: Build) -> str:
        build.say("x" * 25)
        return "SUCCESS"

    jenkins.script = script
    client.trigger(job)
    assert list(follow(client, job, 1))[:3] == ["x" * 10, "x" * 10, "x" * 5]


FOLLOWER = """
import resource, sys
from pipelines.jenkins import client as clients
from pipelines.jenkins.client import PIECE, Client
from pipelines.jenkins.console import follow

client = Client(sys.argv[1], "admin", sys.argv[2])
client.version()
client.create_job("large", "<flow-definition/>")
client.trigger("large")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
lines = sum(1 for _ in follow(client, "large", 1))
print(lines, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_hundred_megabytes_pass_through_in_bounded_memory() -> None:
    command = [*BOUND, sys.executable, "-m", "tests.support.jenkins_double", "--port", "0"]
    with subprocess.Popen([*command, "--console", str(LARGE)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url, token = server.stdout.readline().split()
        done = subprocess.run(
            [sys.executable, "-c", FOLLOWER, url, token], stdout=subprocess.PIPE, text=True, check=True
        )
        server.terminate()
    lines, grown = (int(word) for word in done.stdout.split())
    assert lines == LARGE // 100 + 5
    assert grown < 16 * 1024, f"{grown} KiB more, of {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}"


@pytest.mark.parametrize(
    ("lines", "stages"),
    [
        (["[Pipeline] { (Build)", "+ make", "[Pipeline] }", "x"], ["Build", "Build", None, None]),
        (["[Pipeline] {", "[Pipeline] { (A)", "[Pipeline] {", "y"], [None, "A", "A", "A"]),
        (
            [
                "[Pipeline] { (release)",
                "[Pipeline] { (test)",
                "[Pipeline] }",
                "[Pipeline] // stage",
                "[Pipeline] }",
            ],
            ["release", "test", "release", "release", None],
        ),
        (["[2026-11-28T01:02:03.456Z] [Pipeline] { (Timed)", "z"], ["Timed", "Timed"]),
        (["[Pipeline] }", "[Pipeline] { (After)"], [None, "After"]),
        (["echo [Pipeline] { (Fake)"], [None]),
    ],
)
def test_stages_are_known_from_the_engines_own_lines(lines: list[str], stages: list[str | None]) -> None:
    found = Stages()
    seen = []
    for line in lines:
        found.feed(line)
        seen.append(found.current)
    assert seen == stages
