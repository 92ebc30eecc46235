"""Prints docs/commands.md: what every command's `--help` says, made from the commands themselves."""

from __future__ import annotations

import argparse
import os

from deployer.cli.main import COMMANDS, parser

INTRODUCTION = """# Commands

Made by `make docs` from the commands' own help. Exit codes: [exit-codes.md](exit-codes.md).
"""


def reference() -> str:
    """The page, in Markdown; every line at most 100 columns wide."""
    os.environ["COLUMNS"] = "100"
    actions = parser()._actions
    commands = next(action for action in actions if isinstance(action, argparse._SubParsersAction))
    pages = [INTRODUCTION]
    for name in COMMANDS:
        text = commands.choices[name].format_help().strip()
        pages.append(f"## deployer {name}\n\n```text\n{text}\n```\n")
    return "\n".join(pages)


if __name__ == "__main__":
    print(reference(), end="")
