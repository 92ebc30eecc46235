"""`deployer recover`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.results import add_lock_wait, operation
from deployer.errors import ExitStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add_lock_wait(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Only reconcile."""
    from deployer.rollout.commands import recover

    work_on = operation(args, context)
    there = recover(work_on)
    if args.json:
        context.print_json({"service": work_on.service, "deployed": there})
    else:
        context.print(
            f"{work_on.service} is in order" if there else f"{work_on.service} has nothing on this host"
        )
    return ExitStatus.OK
