"""The completion script, in a real shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.cli import run as cli

ASK = """
set -u
source "$1"; shift
COMP_WORDS=(deployer "$@"); COMP_CWORD=$#; COMPREPLY=()
_shtab_deployer deployer "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ro"], ["rollback", "rollout"]),
        (["rollout", "--strategy", ""], ["blue-green", "recreate"]),
        (["edge", "m"], ["maintenance"]),
        (["edge", "maintenance", ""], ["off", "on"]),
        (["status", "--w"], ["--watch"]),
        (["status", "--config", "oth"], ["other.yaml"]),
    ],
    ids=" ".join,
)
def test_bash_completes(tmp_path: Path, words: list[str], offered: list[str]) -> None:
    done = cli("completion", "bash")
    assert done.status == 0
    script = tmp_path / "deployer.bash"
    script.write_text(done.stdout)
    (tmp_path / "other.yaml").touch()
    bash = ["bash", "--norc", "-c", ASK, "bash", str(script), *words]
    asked = subprocess.run(bash, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert asked.stderr == ""
    assert sorted(asked.stdout.split()) == offered
