"""`deployer watch` as a person, cron or a program runs it, on hosts that are not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cli import Done
from tests.support.cli import run as cli
from tests.support.names import free_port

Watch = Callable[..., Done]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """watch(*words, **sections): one look at `web1`, where nothing listens."""
    (tmp_path / "known_hosts").touch()
    port = free_port()

    def run(*words: str, **sections: Any) -> Done:
        config = {
            "service": {"name": "shop", "image": "shop:1", "port": 80},
            "hosts": [{"name": "web1", "address": "127.0.0.1", "port": port, "user": "nobody"}],
            "ssh": {"known_hosts": "known_hosts", "timeout": "5s"},
            "watch": {"looks": 1, "state": "state"},
            **sections,
        }
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        return cli("watch", "-c", str(path), *words, HOME=str(tmp_path))

    return run


def test_a_host_that_is_down_is_told_once(watch: Watch, tmp_path: Path) -> None:
    first = watch()
    assert first.status == 33
    assert first.stdout == ""
    assert first.stderr.startswith("web1: host: ")
    second = watch()
    assert (second.status, second.stdout, second.stderr) == (33, "", "")
    assert "!! web1: host: " in watch("-v").stdout

    # What is told to a program.
    watch("--forget")
    event, result = (json.loads(line) for line in watch("--json").stdout.splitlines())
    assert (event["event"], event["host"], event["state"]) == ("condition_changed", "web1", "error")
    assert result["bad"]
    assert [(each["what"], each["state"]) for each in result["changes"]] == [("host", "error")]
    assert [(each["what"], each["told"]) for each in result["conditions"]] == [("host", True)]
    assert json.loads(watch("--json").stdout)["changes"] == []

    # What is known is damaged.
    (state,) = (tmp_path / "state").glob("*.json")
    state.write_text(state.read_text()[:20])
    again = watch()
    assert "begins anew" in again.stderr
    assert "web1: host: " in again.stderr
    assert watch().stderr == ""


def test_a_host_that_left_the_config_is_silent(watch: Watch) -> None:
    watch()
    assert watch(hosts=[{"name": "web2", "address": "127.0.0.1", "port": free_port()}]).stderr.startswith(
        "web2"
    )
    assert watch("--json", watch={"looks": 1, "state": "state", "ignore": ["host"]}).json["bad"] is False


def test_what_nobody_could_be_told_is_told_again(watch: Watch, tmp_path: Path) -> None:
    deaf = {"url": f"http://127.0.0.1:{free_port()}/"}
    for _ in range(2):
        done = watch(notify={"webhooks": [deaf], "deadline": "300ms"})
        assert done.status == 33
        assert "web1: host: " in done.stderr
        assert "not told: webhook" in done.stderr
    done = watch(notify={"webhooks": [deaf], "files": [{"path": "events.jsonl"}], "deadline": "300ms"})
    assert "web1: host: " in done.stderr
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in told] == ["condition_changed"]
    # Somebody has heard of it.
    assert watch(notify={"webhooks": [deaf], "deadline": "300ms"}).stderr == ""


def test_words_that_make_no_sense(watch: Watch) -> None:
    assert watch("--plan").status == 2
    assert watch("--install", "--forget").status == 2
