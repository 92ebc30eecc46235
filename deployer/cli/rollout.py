"""`deployer rollout`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.results import add_lock_wait, conclude, operation
from deployer.errors import ExitStatus

EPILOG = """examples:
  deployer rollout                              build service.build, or take service.image
  deployer rollout --image shop:42 --plan       what would happen
  deployer rollout -e production --lock-wait 10m
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--image", metavar="REF", help="deploy an image that exists instead of building one")
    parser.add_argument("--strategy", choices=["blue-green", "recreate"], help="instead of rollout.strategy")
    parser.add_argument("--plan", action="store_true", help="only say what would happen")
    add_lock_wait(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Build and deploy."""
    if args.plan:
        from deployer.rollout.plan import plan

        config = context.config(args)
        engine = context.engine(config)
        found = plan(engine, config, image=args.image, strategy=args.strategy)
        context.print_json(found.as_dict()) if args.json else context.print(found.text())
        return ExitStatus.OK
    from deployer.rollout.commands import rollout

    result = rollout(operation(args, context), image=args.image, strategy=args.strategy)
    return conclude(result, args, context)
