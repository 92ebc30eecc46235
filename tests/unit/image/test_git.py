"""Which commit an image says it was built from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployer.image.git import Revision, revision


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Neither this machine's settings nor a repository around the temporary folder may have a say.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "repository"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("1")
    (folder / "notes").write_text("1")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "one")
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_clean_tree(repository: Path) -> None:
    assert revision(repository / "app", [repository / "app"]) == Revision(
        git(repository, "rev-parse", "HEAD"), "false"
    )


def test_dirty_is_what_the_image_is_made_of(repository: Path) -> None:
    (repository / "notes").write_text("2")
    assert revision(repository / "app", [repository / "app"]).dirty == "false"
    (repository / "app" / "new.py").write_text("2")
    assert revision(repository / "app", [repository / "app"]).dirty == "true"


def test_no_repository_and_no_commit_are_unknown(repository: Path, tmp_path: Path) -> None:
    assert revision(tmp_path, [tmp_path]) == Revision("unknown", "unknown")
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert revision(empty, [empty]) == Revision("unknown", "unknown")


def test_no_git_is_unknown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert revision(repository, [repository]) == Revision("unknown", "unknown")
