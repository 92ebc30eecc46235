"""`deployer recover`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.results import add_lock_wait, lock_wait
from deployer.errors import ExitStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add_lock_wait(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Only reconcile."""
    from deployer.rollout.commands import recover

    config = context.config(args)
    there = recover(
        context.engine(config), config, context.emit(args), context.environ, lock_wait=lock_wait(args)
    )
    if args.json:
        context.print_json({"service": config.service.name, "deployed": there})
    else:
        context.print(
            f"{config.service.name} is in order"
            if there
            else f"{config.service.name} has nothing on this host"
        )
    return ExitStatus.OK
