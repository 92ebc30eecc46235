"""A file that several deployers append to, and that does not grow for ever."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from deployer.errors import NotDelivered
from deployer.events import Note
from deployer.sinks.end import Happening, Run
from deployer.sinks.journal import Journal
from deployer.sinks.wanted import Wanted


def append(path: Path, *texts: str, max_size: int = 0, keep: int = 2) -> None:
    journal = Journal(Wanted(), Run("1", "rollout", "shop"), path, max_size, keep)
    for sending in journal.prepare([Happening(0.0, Note(text)) for text in texts]):
        sending.send()


def texts(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def test_it_is_made_with_its_folder_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log" / "events.jsonl"
    append(path, "a")
    append(path, "b", "c")
    assert texts(path) == ["a", "b", "c"]
    assert path.stat().st_mode & 0o007 == 0, "not for everybody"
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["time"], first["run"]["service"], first["event"]) == (
        "1970-01-01T00:00:00.000Z",
        "shop",
        "note",
    )


def test_at_its_size_it_is_renamed_and_only_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for text in ("a", "b", "c", "d"):
        append(path, text, max_size=200)
    assert {file.name: texts(file) for file in sorted(tmp_path.iterdir())} == {
        "events.jsonl": ["d"],
        "events.jsonl.1": ["c"],
        "events.jsonl.2": ["b"],
    }


def test_it_follows_what_logrotate_does(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "a")
    path.rename(tmp_path / "events.jsonl.1")
    append(path, "b")
    assert (texts(path), texts(tmp_path / "events.jsonl.1")) == (["b"], ["a"])


def test_no_line_is_lost_or_torn_by_many_writers_and_renames(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    def write(writer: int) -> None:
        for number in range(50):
            append(path, f"{writer}-{number}", max_size=2000, keep=99)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [text for file in tmp_path.iterdir() for text in texts(file)]
    assert sorted(found) == sorted(f"{writer}-{number}" for writer in range(4) for number in range(50))


def test_a_disk_that_takes_nothing_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotDelivered, match="cannot be written"):
        append(tmp_path / "file" / "events.jsonl", "a")


def test_what_is_not_utf_8_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "caf\udce9 cannot be read")
    assert texts(path) == ["caf? cannot be read"]
