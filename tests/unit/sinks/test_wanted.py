"""Which events an end is told, and what of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.events import (
    BuildProgress,
    CommandFailed,
    Event,
    LogLine,
    Note,
    NotifyTested,
    OnHost,
    PhaseProgress,
    RolledBack,
    Warned,
)
from deployer.sinks.mask import Mask, secrets_of
from deployer.sinks.wanted import Wanted

FAILED = CommandFailed("rollout", 1.0, 8, "ReleaseFailed", "bad", details=("a line of the log",))


@pytest.mark.parametrize(
    ("wanted", "event", "told"),
    [
        (Wanted(), Note("a"), True),
        (Wanted(), PhaseProgress("gate", "1 of 2"), False),
        (Wanted(details=True), BuildProgress("step 1"), False),
        (Wanted(), LogLine("shop", "a"), False),
        (Wanted(details=True), OnHost("web1", LogLine("shop", "a")), True),
        (Wanted(level="warning"), Note("a"), False),
        (Wanted(level="warning"), Warned("a"), True),
        (Wanted(level="warning"), OnHost("web1", RolledBack("r1", "5xx")), True),
        (Wanted(level="error"), Warned("a"), False),
        (Wanted(kinds=["rolled_back"]), OnHost("web1", RolledBack("r1", "5xx")), True),
        (Wanted(kinds=["command_*"]), FAILED, True),
        (Wanted(kinds=["command_*"]), Note("a"), False),
        (Wanted(level="error", kinds=["nothing"]), NotifyTested(), True),
    ],
)
def test_level_kind_and_details_decide(wanted: Wanted, event: Event, told: bool) -> None:
    assert wanted.has(event) is told


def test_lines_of_logs_are_only_told_where_asked_for() -> None:
    assert Wanted().record(FAILED)["details"] == []
    assert Wanted(details=True).record(OnHost("web1", FAILED))["details"] == ["a line of the log"]


def test_secrets_of_the_config_are_masked_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("first-line-of-key\nsecond-line-of-key\n")
    (tmp_path / "config.yaml").write_text(
        f"""
service: {{name: shop, image: "shop:1", port: 80, env: {{DB: "mysql://u:${{env:DB_PASSWORD}}@db"}}}}
jenkins: {{token: "${{file:{tmp_path}/key}}"}}
notify: {{slack: [{{webhook: "${{env:MISSING}}"}}]}}
"""
    )
    config = load(tmp_path / "config.yaml", environ={})
    mask = Mask(secrets_of(config, {"DB_PASSWORD": "hunter2hunter2", "PATH": "/bin"}))
    event = RolledBack("r1", "access denied: hunter2hunter2; second-line-of-key")
    assert Wanted(mask=mask).record(OnHost("hunter2hunter2", event)) == {
        "host": "****",
        "event": "rolled_back",
        "level": "error",
        "release": "r1",
        "reason": "access denied: ****; ****",
    }
    assert "hunter2" not in repr(mask)


def test_what_is_too_short_to_be_a_secret_hides_no_words() -> None:
    assert Mask(["on", "a", ""]).text("a rollout on a host") == "a rollout on a host"
