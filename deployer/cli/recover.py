"""`deployer recover`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.hosts import add_hosts, fleet
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, conclude_fleet, work_on
from deployer.errors import ExitStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add_lock_wait(parser)
    add_hosts(parser)


def told(_args: argparse.Namespace) -> Deed:
    """What others are told that this does."""
    return Deed("recover", quiet=True, commit=False)


def run(args: argparse.Namespace, context: Context) -> int:
    """Only reconcile."""
    from deployer.rollout.commands import recover

    config = context.config(args)
    hosts = fleet(args, context, config)
    if hosts is not None:
        from deployer.fleet.convergence import recover as recover_all

        return conclude_fleet(recover_all(hosts), args, context)
    service = config.service.name
    there = recover(work_on(args, context, config))
    if args.json:
        context.print_json({"service": service, "deployed": there})
    else:
        context.print(f"{service} is in order" if there else f"{service} has nothing on this host")
    return ExitStatus.OK
