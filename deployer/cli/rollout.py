"""`deployer rollout`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.hosts import add_hosts, fleet
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, conclude, conclude_fleet, work_on

EPILOG = """examples:
  deployer rollout                              build service.build, or take service.image
  deployer rollout --image shop:42 --plan       what would happen
  deployer rollout -e production --lock-wait 10m
  deployer rollout -e production --host web1    only there, where the config names hosts
"""


RESULT = "rollout"
"""The kind of result that `--json` ends with, also where there is none yet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--image", metavar="REF", help="deploy an image that exists instead of building one")
    parser.add_argument("--strategy", choices=["blue-green", "recreate"], help="instead of rollout.strategy")
    parser.add_argument("--plan", action="store_true", help="only say what would happen")
    add_lock_wait(parser)
    add_hosts(parser)


def told(args: argparse.Namespace) -> Deed | None:
    """What others are told that this does."""
    return None if args.plan else Deed("rollout", commit=args.image is None)


def run(args: argparse.Namespace, context: Context) -> int:
    """Build and deploy."""
    config = context.config(args)
    hosts = fleet(args, context, config)
    if hosts is not None:
        from deployer.fleet import plan as plans
        from deployer.fleet.release import rollout as rollout_all

        if args.plan:
            planned = plans.plan(hosts, image=args.image, strategy=args.strategy)
            context.print_json(planned.as_dict()) if args.json else context.print(planned.text())
            return planned.exit_status
        return conclude_fleet(rollout_all(hosts, image=args.image, strategy=args.strategy), args, context)
    if args.plan:
        from deployer.rollout.plan import plan

        engine = context.engine(config)
        found = plan(engine, config, context.environ, image=args.image, strategy=args.strategy)
        context.print_json(found.as_dict()) if args.json else context.print(found.text())
        return found.exit_status
    from deployer.rollout.commands import rollout

    result = rollout(work_on(args, context, config), image=args.image, strategy=args.strategy)
    return conclude(result, args, context)
