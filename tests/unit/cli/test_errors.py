"""The one place where errors end: what is said, to whom, and the exit code."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import errors
from deployer.cli.context import Context
from deployer.cli.main import EPILOG
from deployer.errors import DeployerError, ExitStatus, Interrupted, ReleaseFailed, UsageError
from deployer.events import Warned
from tests.support.cli import run as cli

Raising = Callable[[BaseException], None]


def tree(root: type[DeployerError]) -> list[type[DeployerError]]:
    return [root, *(found for below in root.__subclasses__() for found in tree(below))]


KINDS = [
    kind for kind in tree(DeployerError) if kind is not Interrupted and kind.__module__ == errors.__name__
]


def test_the_tree_at_the_top_of_the_module_is_the_tree() -> None:
    """Each with the one that it hangs on, and its exit status."""
    line = re.compile(r"^    ([│├└─ ]*)(\w+) +(\d[\d/]*)  \S")
    drawn: dict[str, tuple[str, str]] = {}
    above: list[str] = []
    for found in filter(None, map(line.match, (errors.__doc__ or "").splitlines())):
        del above[len(found[1]) // 4 :]
        drawn[found[2]] = (above[-1] if above else "Exception", found[3])
        above.append(found[2])
    real = {kind.__name__: (kind.__bases__[0].__name__, str(int(kind.exit_status))) for kind in KINDS}
    assert drawn == {**real, "Interrupted": ("DeployerError", "129/130/143")}


def test_help_has_every_exit_code_that_the_command_has() -> None:
    """Those of the controller and its builds are only the pipelines'."""
    said = {int(number) for number in re.findall(r"\b\d+\b", EPILOG.partition("exit codes:")[2])}
    assert said == {int(status) for status in ExitStatus if not 20 <= status < 30}


@pytest.mark.parametrize("kind", KINDS)
def test_the_exit_code_is_the_errors(raising: Raising, kind: type[DeployerError]) -> None:
    raising(kind("it went wrong"))
    assert cli("lock").status == kind.exit_status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_128_and_the_signal(raising: Raising, number: int) -> None:
    raising(Interrupted(number))
    assert cli("lock").status == 128 + number


def test_a_person_reads_what_happened_the_evidence_and_what_to_do(raising: Raising) -> None:
    raising(ReleaseFailed("it exited", details=["boom", "bang"], remedy="mend it"))
    done = cli("lock")
    assert done.stderr == "deployer: it exited\n  boom\n  bang\n  -> mend it\n"
    assert done.stdout == ""


def test_a_program_gets_one_object_with_the_rollouts_result(raising: Raising) -> None:
    error = ReleaseFailed("it exited", details=["boom"])
    error.result = {"release": "20261122-221500-abcdef", "outcome": "failed"}
    raising(error)
    done = cli("lock", "--json")
    assert done.json == {
        "release": "20261122-221500-abcdef",
        "outcome": "failed",
        "error": "ReleaseFailed",
        "message": "it exited",
        "remedy": None,
        "details": ["boom"],
        "exit_status": 8,
    }
    assert done.stderr == ""


def test_whoever_interrupts_a_change_is_told_how_to_see_what_serves(raising: Raising) -> None:
    error = Interrupted(signal.SIGINT)
    error.result = {"outcome": "failed"}
    raising(error)
    assert cli("lock").stderr == "deployer: interrupted\n  -> `deployer status` shows what serves\n"


def test_a_fault_of_ours_ends_like_the_others_with_what_a_report_needs(raising: Raising) -> None:
    raising(KeyError("nobody thought of this"))
    done = cli("lock", "--json")
    assert done.status == 1
    assert "Traceback" in done.stderr
    assert done.json["message"] == "unexpected KeyError: 'nobody thought of this'"
    assert "report it" in done.json["remedy"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("can't start new thread"),
        MemoryError(),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x"),
        OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
    ],
)
def test_a_machine_at_its_limits_is_no_fault_of_ours(raising: Raising, error: Exception) -> None:
    raising(error)
    done = cli("lock", "--json")
    assert done.status == 1
    assert done.stderr == ""
    assert done.json["error"] == "Exhausted"
    assert (str(error) or "no memory") in done.json["message"]
    assert "ulimit" in done.json["remedy"]


def test_the_signals_are_as_before_afterwards(raising: Raising) -> None:
    before = signal.getsignal(signal.SIGTERM)
    raising(UsageError("no"))
    cli("lock")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("words", [("config", "docs"), ("rolout", "--json")])
def test_a_reader_who_leaves_gets_no_complaint(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "deployer", *words]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == (0 if words[0] == "config" else 2)


def test_a_full_disk_is_named() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "deployer", "config", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == "deployer: the result cannot be written: No space left on device\n"
    assert done.returncode == 1


def test_a_closed_output_stops_nobody() -> None:
    command = f"exec {shlex.quote(sys.executable)} -m deployer config schema >&-"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_fault_of_ours_does_not_show_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even in Python's own traceback, whose last line is what somebody else has said."""
    path = tmp_path / "config.yaml"
    env = "{A: '${env:A}', B_TOKEN: written-out, C: open-text}"
    path.write_text(f"service: {{name: shop, image: shop:1, port: 80, env: {env}}}")

    def run(args: Any, context: Context) -> int:
        context.config(args)
        context.emit(args)(Warned("resolved-value seen"))
        raise ValueError("resolved-value, written-out, inherited-one, open-text")

    monkeypatch.setattr("deployer.cli.lock.run", run)
    monkeypatch.setattr("deployer.cli.lock.EACH_HOST", False)
    for words in ((), ("--json",)):
        done = cli("lock", "-c", str(path), *words, A="resolved-value", CI_TOKEN="inherited-one")
        said = done.stdout + done.stderr
        assert done.status == 1
        assert "ValueError: ****, ****, ****, open-text" in done.stderr
        assert not any(secret in said for secret in ("resolved-value", "written-out", "inherited-one"))
        assert "**** seen" in said


@pytest.mark.parametrize(("encoding", "word"), [("utf-8", "caf\udce9"), ("ascii", "가")])
def test_standard_output_bears_what_it_has_no_bytes_for(
    monkeypatch: pytest.MonkeyPatch, encoding: str, word: str
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    context = Context()
    context.print(word)
    context.print_json({"path": word})
    first, second = raw.getvalue().decode("ascii").splitlines()
    assert json.loads(second) == {"path": word}
    assert json.loads(f'"{first}"') == word
