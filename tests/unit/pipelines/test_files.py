"""The digest of a stage's files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from deployer.errors import ConfigError
from pipelines import files
from pipelines.files import Files
from tests.support.odd_names import commit_oddly, oddly_named
from tests.support.waiting import until


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("src/a.py", "src/deep/b.py", "docs/page.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def digest(tree: Path, *globs: str) -> str:
    return Files(tree, tree / ".pipeline" / "x.files.json", [tree / "build" / "reports"]).digest(tree, globs)


def git(tree: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)


@pytest.mark.parametrize("with_git", [False, True])
def test_only_what_the_globs_match_counts(tree: Path, *, with_git: bool) -> None:
    if with_git:
        git(tree)
    before = digest(tree, "src/**")
    (tree / "docs/page.md").write_text("other")
    assert digest(tree, "src/**") == before
    (tree / "src/deep/b.py").write_text("other")
    assert digest(tree, "src/**") != before


@pytest.mark.parametrize("with_git", [False, True])
def test_without_globs_all_counts_but_what_is_written_by_runs(tree: Path, *, with_git: bool) -> None:
    if with_git:
        git(tree)
    before = digest(tree)
    for name in (".pipeline/backend.json", "build/reports/backend.xml"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("new")
    assert digest(tree) == before
    (tree / "docs/new.md").write_text("new")
    assert digest(tree) != before


def test_what_git_ignores_does_not_count(tree: Path) -> None:
    git(tree)
    (tree / ".gitignore").write_text("*.pyc\n")
    before = digest(tree, "src/**")
    (tree / "src/a.pyc").write_text("compiled")
    assert digest(tree, "src/**") == before


def test_what_a_stage_makes_is_no_input_of_it(tree: Path) -> None:
    before = Files(tree, tree / "cache").digest(tree, [], outputs=["docs", "src/a.py"])
    (tree / "src/a.py").write_text("made anew")
    (tree / "docs/page.md").write_text("made anew")
    assert Files(tree, tree / "cache").digest(tree, [], outputs=["docs", "src/a.py"]) == before


def test_names_links_and_the_executable_bit_count_times_do_not(tree: Path) -> None:
    found = {digest(tree)}
    os.utime(tree / "src/a.py", (1, 1))
    assert digest(tree) in found
    (tree / "src/a.py").chmod(0o755)
    found.add(digest(tree))
    (tree / "link").symlink_to("src/a.py")
    found.add(digest(tree))
    (tree / "link").unlink()
    (tree / "link").symlink_to("nowhere")
    found.add(digest(tree))
    (tree / "src/a.py").rename(tree / "src/c.py")
    found.add(digest(tree))
    assert len(found) == 5


def test_a_file_that_is_as_it_was_is_not_read_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_TICK", -(10**18))  # trust also what was written just now
    looked = Files(tree, tree / "cache.json")
    before = looked.digest(tree / "src", [])
    looked.save()
    monkeypatch.setattr(files, "_hash", lambda path: pytest.fail(f"{path} was read"))
    assert Files(tree, tree / "cache.json").digest(tree / "src", []) == before


def test_a_file_that_was_just_written_is_not_trusted(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_TICK", 10**18)
    looked = Files(tree, tree / "cache.json")
    looked.digest(tree / "src", [])
    looked.save()
    assert not (tree / "cache.json").exists()


def test_a_damaged_cache_costs_a_look_and_nothing_else(tree: Path) -> None:
    before = digest(tree, "src/**")
    (tree / ".pipeline").mkdir()
    (tree / ".pipeline/x.files.json").write_text('{"version": 1, "fil')
    assert digest(tree, "src/**") == before


@pytest.mark.parametrize(
    ("glob", "said"), [("[", "inputs: \\[: it ends"), ("nothing/**", "nothing in .* matches")]
)
def test_globs_that_cannot_be_meant_are_refused(tree: Path, glob: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        digest(tree, glob)


def test_names_need_not_be_utf_8(tree: Path) -> None:
    odd = oddly_named(tree)
    commit_oddly(tree)
    cache = tree / ".pipeline" / "x.files.json"

    def seen() -> str:
        looked = Files(tree, cache)
        found = looked.digest(tree, [])
        looked.save()
        return found

    def known() -> bool:
        return cache.exists() and odd.name in json.loads(cache.read_bytes())["files"]

    before = seen()
    until(lambda: seen() == before and known(), "it has been left alone for long enough")
    odd.write_text("2")
    assert seen() != before
