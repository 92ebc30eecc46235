"""`deployer completion`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.errors import ExitStatus

EPILOG = """examples:
  deployer completion bash > /etc/bash_completion.d/deployer
  deployer completion zsh > ~/.zfunc/_deployer
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("shell", choices=["bash", "zsh", "tcsh"])


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the script."""
    import shtab

    from deployer.cli.main import parser

    context.print(shtab.complete(parser(), shell=args.shell))
    return ExitStatus.OK
