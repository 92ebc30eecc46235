"""The docs say what the program does: every command, every exit code, every link."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.cli.main import PROGRAM
from deployer.errors import ExitStatus
from pipelines import __main__ as pipelines

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_commands_page_is_what_the_commands_say() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/commands_reference.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ROOT / "docs" / "commands.md").read_text() == done.stdout, "run `make docs`"


COMMANDS = [f"{program.name} {name}" for program in (PROGRAM, pipelines.PROGRAM) for name in program.commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_on_the_page(command: str) -> None:
    assert f"## {command}\n" in (ROOT / "docs" / "commands.md").read_text()


@pytest.mark.parametrize("status", ExitStatus)
def test_every_exit_code_is_explained(status: ExitStatus) -> None:
    assert f"| {int(status)} | {status.name} |" in (ROOT / "docs" / "exit-codes.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                todo.append((page.parent / target).resolve())
    assert [page.name for page in PAGES if page not in seen] == []
