"""Prints docs/commands.md: what every command's `--help` says, made from the commands themselves."""

from __future__ import annotations

import contextlib
import io
import os

from deployer.cli.main import PROGRAM, Program
from pipelines import __main__ as pipelines

INTRODUCTION = """# Commands

Made by `make docs` from the commands' own help. Exit codes: [exit-codes.md](exit-codes.md).
"""


def reference() -> str:
    """The page, in Markdown; every line at most 100 columns wide."""
    os.environ["COLUMNS"] = "100"
    pages = [INTRODUCTION]
    for program in (PROGRAM, pipelines.PROGRAM):
        pages += [page(program, name) for name in program.commands]
    return "\n".join(pages)


def page(program: Program, name: str) -> str:
    """What the help of one command says."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        program.parser(name).parse_args([name, "--help"])
    return f"## {program.name} {name}\n\n```text\n{text.getvalue().strip()}\n```\n"


if __name__ == "__main__":
    print(reference(), end="")
