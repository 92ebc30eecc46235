"""`deployer lock`."""

from __future__ import annotations

import argparse

from msgspec import to_builtins

from deployer.cli.context import Context
from deployer.errors import ExitStatus

EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """Say who holds the lock, of this engine or of all hosts."""
    from deployer.host.lock import holder, on_all_hosts

    config = context.config(args)
    engine, service = context.engine(config), config.service.name
    found = holder(engine, service) or holder(engine, on_all_hosts(service))
    if args.json:
        context.print_json(to_builtins(found) if found else None)
    else:
        context.print(f"held by {found}" if found else f"the lock of {service} is free")
    return ExitStatus.OK
