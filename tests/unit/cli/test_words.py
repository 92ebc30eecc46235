"""What is said about words that make no sense, and what must not be loaded for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployer.cli.main import COMMANDS
from tests.support.cli import run as cli

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"docker", "jinja2", "paramiko", "requests", "rich", "shtab", "yaml", "msgspec"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rolout"], "there is no command 'rolout'; did you mean 'rollout'?"),
        (["nonsense"], "there is no command 'nonsense'; there are rollout, rollback, "),
        (["rollout", "--imgae", "shop:2"], "unrecognized: --imgae shop:2; did you mean '--image'?"),
        (["rollout", "--imgae=shop:2"], "unrecognized: --imgae=shop:2; did you mean '--image'?"),
        (["status", "extra"], "unrecognized: extra\n"),
        (["rollout", "--strategy", "recrate"], "there is no --strategy 'recrate'; did you mean 'recreate'?"),
        (["edge", "maintainance"], "there is no action 'maintainance'; did you mean 'maintenance'?"),
        (["edge", "maintenance"], "maintenance takes on or off"),
        (["edge", "status", "on"], "maintenance takes on or off, and nothing else does"),
        (["edge", "upgrade", "--hold", "3s"], "--hold is for maintenance on"),
        (["edge", "maintenance", "on", "--hold", "soon"], "--hold soon: must be a duration such as"),
        (["exec"], "exec needs a command"),
        (["logs", "-n", "ten"], "invalid int value: 'ten'"),
        (["prune", "--keep", "-1"], "-1 is no count"),
        (["releases", "-n", "-1"], "-1 is no count"),
        (["help", "rolout"], "did you mean 'rollout'?"),
        (
            ["-c", "other.yaml", "status"],
            "-c stands before the command\n  -> write it behind: deployer status",
        ),
    ],
)
def test_a_slip_is_named_with_the_nearest_that_there_is(words: list[str], said: str) -> None:
    done = cli(*words)
    assert said in done.stderr
    assert done.stderr.startswith("deployer: ")
    assert done.status == 2
    assert done.stdout == ""


def test_the_hint_names_the_help_of_the_command() -> None:
    assert "`deployer rollout --help`" in cli("rollout", "--imgae", "x").stderr


def test_a_program_gets_its_slips_as_json() -> None:
    assert cli("rolout", "--json").json["error"] == "UsageError"
    assert cli("--json", "status").json["exit_status"] == 2


def test_what_stands_behind_two_dashes_is_not_for_us(tmp_path: Path) -> None:
    done = cli("exec", "-c", str(tmp_path / "none.yaml"), "--", "tool", "--json")
    assert done.stderr.startswith("deployer: ")
    assert done.stdout == ""


def test_without_a_command_there_is_help_and_a_usage_exit_code() -> None:
    done = cli()
    assert done.status == 2
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("words", [["help"], ["--help"], ["help", "status"], ["status", "--help"]])
def test_help_is_asked_for_either_way(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(*words).status == 0
    assert capsys.readouterr().out.startswith("usage: deployer")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(command, "--help").status == 0
    assert COMMANDS[command][1:] in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "used"),
    [
        (["--help"], set()),
        (["rollout", "--help"], {"msgspec"}),
        (["rolout"], set()),
        (["config", "show"], {"yaml", "msgspec"}),
        (["completion", "bash"], {"shtab", "yaml", "msgspec"}),
    ],
    ids=lambda value: " ".join(sorted(value)),
)
def test_nobody_waits_for_what_is_not_used(words: list[str], used: set[str]) -> None:
    script = (
        "import sys; from deployer.cli.main import main; "
        f"main({words!r}); print('loaded', *sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split()[1:])
    assert "deployer.cli.main" in loaded
    assert HEAVY & loaded <= used
