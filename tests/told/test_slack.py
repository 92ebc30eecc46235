"""What Slack is told: one message for a command, the reason first where it failed."""

from __future__ import annotations

from deployer.events import (
    CommandFailed,
    CommandFinished,
    CommandStarted,
    LogLine,
    OnHost,
    PhaseStarted,
    RolledBack,
    Switched,
    Warned,
)
from deployer.sinks.telling import open_telling
from tests.support.ends import CHANNEL_ID, Ends
from tests.support.waiting import until
from tests.told.telling import BOT, SLACK, Folder, last, no_canary, undelivered

JENKINS = {"BUILD_TAG": "jenkins-backend-7", "BUILD_URL": "https://ci.example.org/job/backend/7/"}


def body(message: dict[str, object]) -> str:
    """All text of a message's blocks."""
    return str(message["blocks"])


def test_a_webhook_gets_one_message_with_the_reason_first(folder: Folder, ends: Ends) -> None:
    folder.config(slack=[SLACK], build=["sh", "-c", "echo 2 is not 3; exit 7"])
    done = folder.pipelines("backend", "build", **JENKINS)
    assert done.status == 12
    assert "not told" not in done.stderr
    (request,) = ends.requests
    assert request.json["text"] == ":x: *sh -c 'echo 2 is not 3; exit 7' failed (exit code 7)*"
    said = body(request.json)
    assert said.index("exit code 7") < said.index("pipelines backend of shop failed") < said.index("minji")
    assert "<https://ci.example.org/job/backend/7/|build>" in said
    no_canary(done.stdout, done.stderr, request.body.decode())


def test_an_engine_that_is_away_is_told_too(folder: Folder, ends: Ends) -> None:
    folder.config(slack=[SLACK], language="ko")
    done = folder.deployer("rollout", "--image", "shop:2")
    assert done.status == 4
    (request,) = ends.requests
    assert "no-engine.sock" in request.json["text"]
    assert "shop 배포 실패" in body(request.json)


def test_a_webhook_is_silent_at_the_start_unless_asked(folder: Folder, ends: Ends) -> None:
    config = folder.config(slack=[{**SLACK, "at_start": True}])
    with open_telling(config, folder.environ, "rollout") as telling:
        telling.emit(CommandStarted("rollout"))
        until(lambda: ends.requests, "the start is told")
        telling.emit(Switched("r2", "green", "0123456789abcdef"))
        telling.emit(CommandFinished("rollout", 42.0))
    assert telling.lost is None
    assert ends.texts() == [
        ":hourglass_flowing_sand: *rollout of shop is running*",
        ":white_check_mark: *rollout of shop is done*",
    ]
    assert "commit `0123456789ab`" in body(ends.requests[-1].json)


def test_a_bot_keeps_one_message_up_to_date(folder: Folder, ends: Ends) -> None:

    config = folder.config(slack=[BOT])
    with open_telling(config, folder.environ, "rollout") as telling:
        telling.emit(CommandStarted("rollout"))
        until(lambda: ends.requests, "the start is told")
        telling.emit(PhaseStarted("gate", "waiting until the candidate is ready"))
        until(lambda: len(ends.requests) > 1, "the step is told")
        telling.emit(LogLine("shop", "a line of the log"))
        telling.emit(RolledBack("r1", "12 of 20 answers were 5xx"))
        telling.emit(CommandFailed("rollout", 9.0, 8, "ReleaseFailed", "r2 is <bad> & ugly; r1 serves"))
    assert telling.lost is None
    assert [request.path for request in ends.requests][:2] == ["/api/chat.postMessage", "/api/chat.update"]
    (message,) = ends.shown.values()
    assert message["channel"] == CHANNEL_ID
    assert message["text"] == ":x: *r2 is &lt;bad&gt; &amp; ugly; r1 serves*"
    assert "rolled back, r1 serves" in body(message)
    no_canary(*(request.body.decode() for request in ends.requests))


def test_a_message_that_cannot_be_changed_is_posted_anew(folder: Folder, ends: Ends) -> None:

    config = folder.config(slack=[BOT])
    with open_telling(config, folder.environ, "rollout") as telling:
        telling.emit(CommandStarted("rollout"))
        until(lambda: ends.shown, "the start is told")
        ends.shown.clear()  # somebody has deleted it
        telling.emit(CommandFinished("rollout", 1.0))
    assert telling.lost is None
    assert [message["text"] for message in ends.shown.values()] == [
        ":white_check_mark: *rollout of shop is done*"
    ]


def test_all_stages_of_a_build_are_one_message(folder: Folder, ends: Ends) -> None:
    """Jenkins runs a process for each stage."""
    folder.config(slack=[BOT, {**SLACK, "name": "hook"}])
    assert folder.pipelines("backend", "build", **JENKINS).status == 0
    folder.commands["test"] = {"commands": [["false"]], "inputs": ["source"]}
    folder.config(slack=[BOT, {**SLACK, "name": "hook"}])
    assert folder.pipelines("backend", "test", **JENKINS).status == 12
    assert folder.pipelines("backend", "report", **JENKINS).status == 0
    (message,) = ends.shown.values()
    assert message["text"] == ":x: *false failed (exit code 1)*"
    assert folder.pipelines("backend", "report").status == 0, "a person who looks at the report tells nobody"
    posted = [request for request in ends.requests if not request.path.startswith("/api/")]
    assert [request.json["text"] for request in posted] == [":x: *false failed (exit code 1)*"]


def test_what_a_killed_stage_could_not_say_the_report_says(folder: Folder, ends: Ends) -> None:
    folder.config(slack=[SLACK], build=["sh", "-c", "touch begun; sleep 600"])
    folder.environ |= JENKINS
    with folder.start("pipelines", "backend", "build") as process:
        until((folder.path / "begun").exists, "the command runs")
        process.kill()
        process.wait(60)
    assert ends.requests == []
    assert folder.pipelines("backend", "report").status == 0
    (request,) = ends.requests
    assert request.json["text"] == ":octagonal_sign: *build: the process was killed*"


def test_a_bot_that_may_not_post_is_said_to(folder: Folder, ends: Ends) -> None:
    folder.config(slack=[{**BOT, "channel": "#nowhere"}])
    done = folder.pipelines("backend", "build", "--json")
    assert (done.status, last(done)["outcome"]) == (0, "passed")
    (end,) = undelivered(done)
    assert (end["name"], end["kind"], end["reason"]) == ("slack", "slack", "refuses: channel_not_found")
    assert len(ends.requests) == 1, "what is refused for good is not tried again"
    no_canary(done.stdout, done.stderr)


def test_news_of_a_watch_is_a_message_for_what_came_together(folder: Folder, ends: Ends) -> None:
    config = folder.config(slack=[SLACK])
    with open_telling(config, folder.environ, "watch", story=False) as telling:
        telling.emit(OnHost("web1", Warned("the disk is 91% full")))
        telling.emit(OnHost("web2", Warned("the disk is 92% full")))
    assert telling.lost is None
    (request,) = ends.requests
    assert request.json["text"] == ":warning: web1: warning: the disk is 91% full"
    assert "web2" in body(request.json)


def test_findings_of_the_doctor_are_told_and_health_is_not(folder: Folder, ends: Ends) -> None:
    folder.config(slack=[SLACK])
    done = folder.deployer("doctor", "engine")
    assert done.status == 32
    (request,) = ends.requests
    assert request.json["text"] == ":x: *doctor of shop is done*"
    assert "• engine " in body(request.json)
    ends.requests.clear()
    config = folder.config(slack=[SLACK, BOT | {"name": "bot"}])
    with open_telling(config, folder.environ, "doctor", quiet=True) as telling:
        telling.emit(CommandStarted("doctor"))
        telling.emit(CommandFinished("doctor", 1.0))
    assert (telling.lost, ends.requests) == (None, [])


def test_only_what_is_bad_enough_is_told(folder: Folder, ends: Ends) -> None:
    folder.config(slack=[{**SLACK, "level": "error"}])
    assert folder.pipelines("backend", "build").status == 0
    assert ends.requests == []
    folder.config(slack=[{**SLACK, "level": "error"}], build=["false"])
    assert folder.pipelines("backend", "build").status == 12
    assert len(ends.requests) == 1


def test_a_plan_tells_nobody(folder: Folder, ends: Ends) -> None:
    folder.config(slack=[SLACK, BOT | {"name": "bot"}], webhooks=[{"url": "${env:HOOK}"}])
    assert folder.pipelines("backend", "--plan").status in (0, 4)
    assert folder.deployer("rollout", "--plan").status == 4
    assert ends.requests == []
