"""Prints docs/commands.md: what every command's `--help` says, made from the commands themselves."""

from __future__ import annotations

import contextlib
import io
import os

from deployer.cli.main import COMMANDS, parser

INTRODUCTION = """# Commands

Made by `make docs` from the commands' own help. Exit codes: [exit-codes.md](exit-codes.md).
"""


def reference() -> str:
    """The page, in Markdown; every line at most 100 columns wide."""
    os.environ["COLUMNS"] = "100"
    pages = [INTRODUCTION]
    for name in COMMANDS:
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            parser(name).parse_args([name, "--help"])
        pages.append(f"## deployer {name}\n\n```text\n{text.getvalue().strip()}\n```\n")
    return "\n".join(pages)


if __name__ == "__main__":
    print(reference(), end="")
