"""`deployer infra status`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.errors import ExitStatus

EPILOG = """examples:
  deployer infra status          the state of each stack, what differs from the config, what failed last
  deployer infra status --json   the same for a program

Nothing is changed, and CloudFormation is not asked to look for drift: what was changed by hand in the account
is not seen here.
"""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """Look."""
    from deployer.stack.status import statuses
    from deployer.stack.work import open_work

    found = statuses(open_work(context.config(args), context.emit(args)))
    if args.json:
        context.print_json({"stacks": [each.as_dict() for each in found]})
    else:
        context.print("\n".join(line for each in found for line in each.lines()))
    return ExitStatus.OK
