"""Ends that are slow, refuse, answer 429 or 500, cut off, or never answer: a command does not notice.

No time is measured: a command that waited for an end that never answers would not come back.
"""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from deployer.events import CommandFailed, CommandFinished, PhaseStarted, Switched
from deployer.sinks.courier import ROOM, Pace
from deployer.sinks.telling import open_telling
from tests.support.ends import Ends
from tests.support.names import free_port
from tests.support.odd_names import SHOWN, commit_oddly
from tests.support.waiting import until
from tests.told.telling import BOT, HOOK, SLACK, Folder, last, no_canary, undelivered

TROUBLES = {
    "never": "does not answer within",
    "slow": "",  # its status has been said: taken, whatever else it has to say
    "hangup": "cuts the connection",
    "garbage": "does not answer as HTTP does",
    "500": "answers HTTP 500",
    "429": "answers HTTP 429",
    "302": "it has moved",
    "404": "answers HTTP 404",
}
ENDS = {"slack": [SLACK], "bot": [BOT], "webhooks": [HOOK]}


def notify(kind: str, trouble: str) -> dict[str, Any]:
    # All others answer at once, however busy this machine is.
    timeout = "300ms" if trouble in ("never", "slow") else "60s"
    return {"slack" if kind == "bot" else kind: ENDS[kind], "timeout": timeout}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process try three times, in quick succession."""
    pace = Pace(gather=0.05, first_pause=0.01, attempts=3)
    monkeypatch.setattr("deployer.sinks.telling._pace", lambda *_: pace)


@pytest.mark.parametrize("kind", ["bot", "webhooks"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_command_is_not_touched_by_an_end_in_trouble(
    folder: Folder, ends: Ends, kind: str, trouble: str
) -> None:
    ends.retry_after = "3600"
    ends.does(trouble)
    folder.config(**notify(kind, trouble))
    done = folder.pipelines("backend", "build", "--json", BUILD_TAG="b1")
    assert (done.status, last(done)["outcome"]) == (0, "passed")
    reason = TROUBLES[trouble]
    if trouble == "slow" and kind == "bot":
        reason = "cuts its answer off"  # what the bot's API says is in the body
    lost = undelivered(done)
    told = [reason in end["reason"] and end["events"] > 0 for end in lost]
    assert told == ([True] if reason else []), lost
    no_canary(done.stdout, done.stderr)


@pytest.mark.parametrize("kind", ENDS)
def test_a_failing_command_says_its_reason_and_what_was_not_told(
    folder: Folder, ends: Ends, kind: str
) -> None:
    ends.does("never")
    folder.config(**notify(kind, "never"), build=["false"])
    done = folder.pipelines("backend", "build")
    assert done.status == 12
    told, reason = done.stderr.index("warning: not told: "), done.stderr.index("pipelines: false failed")
    assert told < reason, "the command's own reason is the last word"
    assert done.stderr.count("not told") == 1
    no_canary(done.stdout, done.stderr)


def test_nobody_listens(folder: Folder) -> None:
    folder.config(webhooks=[{"url": f"http://127.0.0.1:{free_port()}/hook"}])
    done = folder.pipelines("backend", "build", "--json")
    assert (done.status, last(done)["outcome"]) == (0, "passed")
    assert [end["reason"] for end in undelivered(done)] == ["refuses the connection"]


def test_an_end_that_recovers_gets_all(folder: Folder, ends: Ends) -> None:
    ends.retry_after = "0"
    ends.does("429", "hangup", "ok")
    folder.config(webhooks=[HOOK])
    done = folder.pipelines("backend", "build", "--json")
    assert (done.status, undelivered(done)) == (0, [])
    taken = {request.json["delivery"]: request.json["events"] for request in ends.requests}
    assert [event["event"] for events in taken.values() for event in events][-1] == "command_finished"


def test_retry_after_is_heeded(folder: Folder, ends: Ends) -> None:
    """A second attempt comes no earlier than the end has asked for."""
    ends.retry_after = "2"
    ends.does("429", "ok")
    config = folder.config(webhooks=[HOOK])
    with open_telling(config, folder.environ, "rollout") as telling:
        telling.emit(Switched("r2", "green"))
    assert telling.lost is None
    first, second = (int(request.headers["X-Deployer-Timestamp"]) for request in ends.requests)
    assert second - first >= 2


def test_a_dead_end_does_not_starve_the_others(folder: Folder, ends: Ends) -> None:
    dead = {"url": f"http://127.0.0.1:{free_port()}/hook", "name": "dead"}
    folder.config(webhooks=[dead, HOOK], files=[{"path": "events.jsonl"}])
    done = folder.pipelines("backend", "build", "--json")
    assert [end["name"] for end in undelivered(done)] == ["dead"]
    assert ends.requests[-1].json["events"][-1]["event"] == "command_finished"
    assert '"command_finished"' in (folder.path / "events.jsonl").read_text()


def test_more_events_than_there_is_room_for_are_counted(folder: Folder, ends: Ends) -> None:
    ends.does("never")
    config = folder.config(webhooks=[HOOK], timeout="20s")
    telling = open_telling(config, folder.environ, "rollout")
    telling.emit(PhaseStarted("first", "the first"))
    until(lambda: ends.requests, "the first is on its way")
    for number in range(ROOM + 50):
        telling.emit(PhaseStarted("many", str(number)))
    telling.emit(CommandFinished("rollout", 1.0))
    lost = telling.close(0.0)
    assert lost is not None
    assert lost.ends[0].events == 1 + ROOM + 50 + 1


def test_secrets_that_are_missing_are_a_reason_and_no_error(folder: Folder) -> None:
    folder.config(
        slack=[
            {"webhook": "${env:NOBODY_SET_THIS}"},
            {"webhook": "no address canary-of-the-webhook", "name": "odd"},
        ],
        webhooks=[{"url": "ftp://canary-of-the-hook.example.org/"}],
        files=[{"path": "/proc/nowhere/events.jsonl"}],
        build=["false"],
    )
    done = folder.pipelines("backend", "build", "--json")
    assert (done.status, last(done)["error"]) == (12, "CommandFailed")
    reasons = {end["name"]: end["reason"] for end in undelivered(done)}
    assert "NOBODY_SET_THIS} is not set" in reasons["slack"]
    assert reasons["odd"] == "webhook is no address that begins with https:// or http://"
    assert reasons["webhook"] == "url is no address that begins with https:// or http://"
    assert "cannot be written" in reasons["file"]
    no_canary(done.stdout, done.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_told_and_so_is_what_was_not(folder: Folder, ends: Ends, number: signal.Signals) -> None:
    ends.does("never")
    folder.config(webhooks=[HOOK], build=["sh", "-c", "touch begun; sleep 600"], deadline="300ms")
    with folder.start("pipelines", "backend", "build") as process:
        until((folder.path / "begun").exists, "the command runs")
        process.send_signal(number)
        assert process.wait(60) == 128 + number
    assert folder.said.count("warning: not told: webhook (webhook)") == 1
    assert ends.requests, "it was tried"


def test_a_signal_ends_the_wait_and_not_the_result(folder: Folder, ends: Ends) -> None:
    """The work is done, and only telling is not: a second thought stops that alone."""
    ends.does("never")
    folder.config(webhooks=[HOOK], timeout="100s", deadline="100s")
    with folder.start("pipelines", "backend", "build") as process:
        until(lambda: "passed" in folder.said, "the work is done")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert folder.said.count("not told") == 1


def test_a_killed_command_leaves_no_more_than_a_lost_message(folder: Folder, ends: Ends) -> None:
    ends.does("never")
    folder.config(webhooks=[HOOK], build=["sh", "-c", "touch begun; sleep 600"])
    with folder.start("pipelines", "backend", "build") as process:
        until((folder.path / "begun").exists, "the command runs")
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    ends.does("ok")
    folder.config(webhooks=[HOOK], build=["true"])
    done = folder.pipelines("backend", "build", "--json")
    assert (done.status, undelivered(done)) == (0, [])


def test_a_test_says_of_each_end_how_it_went(folder: Folder, ends: Ends) -> None:
    folder.config(
        slack=[SLACK, BOT | {"name": "bot", "level": "error"}],
        webhooks=[HOOK | {"events": ["rolled_back"]}],
        files=[{"path": "events.jsonl"}],
    )
    done = folder.deployer("notify", "test")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "slack (slack): delivered",
        "bot (slack): delivered",
        "webhook (webhook): delivered",
        "file (file): delivered",
    ]
    assert len(ends.requests) == 3
    ends.does("404")
    done = folder.deployer("notify", "test", "webhook", "--json")
    assert done.status == 15
    assert done.json["ends"] == [
        {"name": "webhook", "kind": "webhook", "delivered": False, "reason": "answers HTTP 404"}
    ]
    done = folder.deployer("notify", "test", "slack")
    assert (done.status, "slack (slack): answers HTTP 404" in done.stderr) == (15, True)
    assert folder.deployer("notify", "test", "nobody").status == 2
    folder.config()
    assert folder.deployer("notify", "test").status == 3
    no_canary(done.stdout, done.stderr)


def test_the_config_shows_no_secret_of_an_end(folder: Folder) -> None:
    folder.config(slack=[{"webhook": folder.ends.webhook}], webhooks=[HOOK])
    done = folder.deployer("config", "show")
    no_canary(done.stdout)
    done = folder.deployer("config", "check")
    assert "notify.slack[0].webhook: looks like a secret that is written out" in done.stdout
    environ = dict(folder.environ)
    del environ["HOOK"]
    folder.environ = environ
    assert "${env:HOOK} is not set" in folder.deployer("config", "check").stdout


def test_what_goes_to_a_program_ends_with_the_result(folder: Folder, ends: Ends) -> None:
    ends.does("500")
    folder.config(webhooks=[HOOK])
    lines = [json.loads(line) for line in folder.pipelines("backend", "build", "--json").stdout.splitlines()]
    assert [line.get("event") for line in lines[-2:]] == ["undelivered", None]


@pytest.mark.parametrize("kind", ENDS)
def test_a_name_that_is_not_utf_8_is_told(folder: Folder, ends: Ends, kind: str) -> None:
    config = folder.config(**notify(kind, ""))
    with open_telling(config, folder.environ, "rollout") as telling:
        telling.emit(CommandFailed("rollout", 1.0, 3, "ConfigError", "src/caf\udce9 cannot be read"))
    assert telling.lost is None
    assert any(b"caf? cannot be read" in request.body for request in ends.requests)


def test_nor_need_the_author_have_such_a_name(folder: Folder, ends: Ends) -> None:
    config = folder.config(webhooks=[HOOK])
    commit_oddly(folder.path)
    environ = {name: value for name, value in folder.environ.items() if name != "DEPLOYER_WHO"}
    with open_telling(config, {**environ, "BUILD_TAG": "b1"}, "rollout") as telling:
        telling.emit(Switched("r2", "green"))
    assert telling.lost is None
    (request,) = ends.requests
    assert request.json["run"]["who"] == SHOWN
