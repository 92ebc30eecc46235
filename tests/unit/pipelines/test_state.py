"""What processes leave for each other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.errors import Locked
from pipelines.state import ABORTED, PASSED, RUNNING, Completion, Record, Run, State, Store, settle

STATE = State(
    Run("jenkins-be-7", "c" * 40, "2026-05-01T10:00:00+00:00", "production", "http://jenkins/7"),
    {
        "build": Record(PASSED, "forced", "2026-05-01T10:00:01+00:00", 1.5, "done", {"build": "d1"}, None, 5),
        "test": Record(RUNNING, "", "2026-05-01T10:00:03+00:00"),
    },
    {"build": Completion("2026-05-01T10:00:02+00:00", {"files": "f"}, {"build": "d1"})},
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    Store(tmp_path, "backend").write(STATE)
    assert Store(tmp_path, "backend").read() == STATE
    assert Store(tmp_path, "frontend").read() == State()
    assert [path.name for path in (tmp_path / ".pipeline").iterdir()] == ["backend.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2}',
        '{"version": 1, "run": 5}',
        '{"version": 1, "records": {"a": {"odd": 1}}}',
        '{"version": 1, "completions": []}',
    ],
)
def test_what_cannot_be_read_is_begun_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".pipeline" / "backend.json"
    path.parent.mkdir()
    path.write_text(text)
    assert Store(tmp_path, "backend").read() == State()


def test_only_good_stages_hand_on() -> None:
    assert STATE.values() == {"build": "d1"}


def test_who_is_gone_was_killed() -> None:
    state = State(records=dict(STATE.records))
    assert settle(state)
    assert state.records["test"].outcome == ABORTED
    assert "killed" in state.records["test"].text
    assert not settle(state)


def test_one_at_a_time(tmp_path: Path) -> None:
    store = Store(tmp_path, "backend")
    with store.alone(), pytest.raises(Locked, match="another backend pipeline works in"), store.alone():
        pass
    with store.alone():
        assert (tmp_path / ".pipeline" / ".gitignore").read_text() == "*\n"


def test_the_lock_of_who_was_killed_is_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from pipelines.state import Store\n"
        "with Store(Path(sys.argv[1]), 'backend').alone(): os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    with Store(tmp_path, "backend").alone():
        pass


def test_the_file_names_its_version_and_pipeline(tmp_path: Path) -> None:
    Store(tmp_path, "backend").write(STATE)
    found = json.loads((tmp_path / ".pipeline" / "backend.json").read_text())
    assert (found["version"], found["pipeline"]) == (1, "backend")


def test_what_is_not_utf_8_comes_back_as_it_was(tmp_path: Path) -> None:
    values = {"subject": "caf\udce9", "others": ["漢字", "\U0001f600"]}
    Store(tmp_path, "backend").write(State(records={"checkout": Record(PASSED, "", "", values=values)}))
    assert Store(tmp_path, "backend").read().records["checkout"].values == values
