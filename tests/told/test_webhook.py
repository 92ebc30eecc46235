"""What a webhook gets: batches of events, signed so that a receiver can tell whose they are."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from deployer.events import CommandStarted, LogLine, PhaseProgress, PhaseStarted, Switched
from deployer.sinks.telling import open_telling
from tests.support.ends import Ends, Request
from tests.support.images import ROOT
from tests.told.telling import HOOK, SECRET, Folder, no_canary

PAGE = (ROOT / "docs" / "notifications.md").read_text()


def delivered(folder: Folder, ends: Ends) -> Request:
    config = folder.config(webhooks=[HOOK])
    with open_telling(config, folder.environ, "rollout") as telling:
        telling.emit(CommandStarted("rollout"))
        telling.emit(PhaseStarted("image", "making sure of the image"))
        telling.emit(PhaseProgress("image", "3 of 7 layers"))
        telling.emit(LogLine("shop", f"connecting with {SECRET}"))
        telling.emit(Switched(f"r2-{SECRET}", "green"))
    assert telling.lost is None
    (request,) = ends.requests
    return request


def test_a_delivery_is_signed_over_its_time_and_body(folder: Folder, ends: Ends) -> None:
    request = delivered(folder, ends)
    stamp = request.headers["X-Deployer-Timestamp"]
    assert abs(time.time() - int(stamp)) < 300
    expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Deployer-Signature"] == f"sha256={expected}"
    assert request.headers["X-Deployer-Delivery"] == request.json["delivery"]


def test_events_come_with_their_run_and_without_secrets(folder: Folder, ends: Ends) -> None:
    request = delivered(folder, ends)
    assert request.json["version"] == 1
    assert request.json["run"]["service"] == "shop"
    assert request.json["run"]["who"] == "minji"
    assert [event["event"] for event in request.json["events"]] == [
        "command_started",
        "phase_started",
        "switched",
    ]
    assert request.json["events"][-1]["release"] == "r2-****"
    no_canary(request.body.decode())


def test_another_attempt_has_the_same_delivery(folder: Folder, ends: Ends) -> None:
    ends.does("500", "ok")
    folder.config(webhooks=[HOOK])
    done = folder.pipelines("backend", "build")
    assert (done.status, "not told" in done.stderr) == (0, False)
    first, second = ends.requests[:2]
    assert first.body == second.body
    assert first.headers["X-Deployer-Delivery"] == second.headers["X-Deployer-Delivery"]


def test_the_receiver_in_the_docs_takes_ours_and_nothing_else(folder: Folder, ends: Ends) -> None:
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def verify" in block
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  (our own page)
    verify, request = names["verify"], delivered(folder, ends)
    now = int(request.headers["X-Deployer-Timestamp"])
    assert verify(SECRET, request.headers, request.body, now=now + 10)
    assert not verify("another secret", request.headers, request.body, now=now)
    assert not verify(SECRET, request.headers, request.body + b" ", now=now)
    assert not verify(SECRET, request.headers, request.body, now=now + 3600), "an old one, sent again"
    assert not verify(
        SECRET, {**request.headers, "X-Deployer-Timestamp": str(now + 1)}, request.body, now=now
    )
    assert not verify(SECRET, {}, request.body, now=now)


def test_the_docs_show_what_is_sent(folder: Folder, ends: Ends) -> None:
    """The page's example has the keys of a real delivery, and of its events."""
    shown = next(
        json.loads(block)
        for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
        if '"delivery"' in block
    )
    sent = delivered(folder, ends).json
    assert list(shown) == list(sent)
    assert list(shown["run"]) == list(sent["run"])
    events = {event["event"]: event for event in sent["events"]}
    for event in shown["events"]:
        assert list(event) == list(events[event["event"]]), event["event"]


def test_a_file_has_the_same_events(folder: Folder, tmp_path: Path) -> None:
    folder.config(files=[{"path": "logs/events.jsonl"}])
    assert folder.pipelines("backend", "build").status == 0
    lines = [json.loads(line) for line in (tmp_path / "logs" / "events.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines][:2] == ["command_started", "stage_started"]
    assert lines[-1]["event"] == "command_finished"
    assert {line["run"]["service"] for line in lines} == {"shop"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line["time"]) for line in lines)


@pytest.mark.parametrize("kinds", [["switched"], ["switch*", "no_such"]])
def test_an_end_can_ask_for_kinds(folder: Folder, ends: Ends, kinds: list[str]) -> None:
    config = folder.config(webhooks=[{**HOOK, "events": kinds}])
    with open_telling(config, folder.environ, "rollout") as telling:
        telling.emit(CommandStarted("rollout"))
        telling.emit(Switched("r2", "green"))
    (request,) = ends.requests
    assert [event["event"] for event in request.json["events"]] == ["switched"]
