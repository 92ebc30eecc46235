"""What a program gets of a rollout that failed before it began, and of one that failed as nobody foresaw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.cli.main import PROGRAM
from deployer.errors import ExitStatus, FleetFailed, unforeseen
from deployer.events import ignore
from deployer.rollout.commands import reported
from deployer.rollout.phases import Phases
from deployer.rollout.result import Result
from tests.support.cli import program
from tests.support.cli import run as cli

WORDS = {"rollout": (), "rollback": (), "adopt": ("shop",)}
CONFIG = "service: {name: shop, image: shop:1, port: 80}\nhost: {docker: 'unix:///nowhere.sock'}\n"


@pytest.mark.parametrize("command", WORDS)
def test_what_never_began_has_the_keys_of_a_result(command: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(CONFIG)
    bad.write_text("servce: {}\n")
    for words, status in (
        (("--wrong",), ExitStatus.USAGE),
        (("-c", str(bad)), ExitStatus.CONFIG),
        (("-c", str(good)), ExitStatus.ENGINE),
    ):
        done = cli(command, *WORDS[command], "--json", *words)
        found = done.json
        assert set(Result("", "", "").as_dict()) <= set(found)
        assert (done.status, found["kind"], found["outcome"]) == (status, command, "failed")
        assert found["reason"] == found["message"]
        if status != ExitStatus.ENGINE:
            assert (found["release"], found["image"], found["strategy"]) == (None, None, None)


def test_what_nobody_foresaw_takes_the_result_along(raising: Callable[[BaseException], None]) -> None:
    result = Result("r2", "shop:2", "blue-green", outcome="switched")
    with pytest.raises(KeyError) as caught, reported(result, Phases(ignore)):
        raise KeyError("nobody thought of this")
    assert unforeseen(caught.value).result == result.as_dict()
    raising(caught.value)
    found = cli("lock", "--json").json
    assert (found["release"], found["outcome"], found["reason"]) == ("r2", "switched", "KeyError")
    assert found["message"].startswith("unexpected KeyError")


def test_a_command_whose_module_cannot_be_imported_ends_as_any_other_fault() -> None:
    def broken(name: str) -> None:
        raise OSError(24, f"no file is left to open for {name}")

    done = program(PROGRAM._replace(module=broken).main, ("rollout", "--json"), {})
    assert "no file is left to open" in done.json["message"]


def test_several_hosts_of_which_one_failed_have_no_result_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object) -> int:
        raise FleetFailed("adopt failed on 1 of 3 hosts")

    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.setattr("deployer.cli.adopt.run", run)
    found = cli("adopt", "shop", "--json", "-c", str(tmp_path / "config.yaml")).json
    assert (found["error"], "outcome" in found) == ("FleetFailed", False)
