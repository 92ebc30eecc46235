"""`deployer rollback`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.hosts import add_hosts, fleet
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, conclude, conclude_fleet, work_on

EPILOG = """examples:
  deployer rollback                       to the release that served before
  deployer rollback --to 20261122-2215    to a release by the beginning of its name
"""


RESULT = "rollback"
"""The kind of result that `--json` ends with, also where there is none yet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--to", metavar="RELEASE", help="a release, or the beginning of its name")
    add_lock_wait(parser)
    add_hosts(parser)


def told(_args: argparse.Namespace) -> Deed:
    """What others are told that this does."""
    return Deed("rollback", commit=False)


def run(args: argparse.Namespace, context: Context) -> int:
    """Go back."""
    from deployer.rollout.commands import rollback

    config = context.config(args)
    hosts = fleet(args, context, config)
    if hosts is not None:
        from deployer.fleet.release import rollback as rollback_all

        return conclude_fleet(rollback_all(hosts, to=args.to), args, context)
    return conclude(rollback(work_on(args, context, config), to=args.to), args, context)
