"""`deployer rollback`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.results import add_lock_wait, conclude, operation

EPILOG = """examples:
  deployer rollback                       to the release that served before
  deployer rollback --to 20261122-2215    to a release by the beginning of its name
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--to", metavar="RELEASE", help="a release, or the beginning of its name")
    add_lock_wait(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Go back."""
    from deployer.rollout.commands import rollback

    return conclude(rollback(operation(args, context), to=args.to), args, context)
