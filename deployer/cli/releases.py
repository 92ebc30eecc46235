"""`deployer releases`."""

from __future__ import annotations

import argparse

from msgspec import to_builtins

from deployer.cli.context import Context
from deployer.cli.results import count
from deployer.errors import ExitStatus

EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("-n", "--last", type=count, default=20, metavar="N", help="how many (default: 20)")


def run(args: argparse.Namespace, context: Context) -> int:
    """Show the history, newest first."""
    from deployer.rollout.status import observe

    config = context.config(args)
    situation = observe(context.engine(config), config)
    active = situation.stored.occupant(situation.stored.active)
    records = list(reversed(situation.records))[: args.last]
    if args.json:
        context.print_json([to_builtins(record) for record in records])
        return ExitStatus.OK
    if not situation.records:
        context.print(f"{config.service.name} has no releases on this host")
    for record in records:
        mark = "*" if active and record.release == active.release else " "
        duration = f"{record.duration_s:.1f} s" if record.duration_s is not None else "-"
        sha = (record.git_sha or "-")[:8]
        context.print(
            f"{mark} {record.release}  {record.kind:<8} {record.outcome:<11} {duration:>8}  {record.image}  "
            f"{sha}  {record.who}  {record.at}" + (f"  ({record.reason})" if record.reason else "")
        )
    return ExitStatus.OK
