"""`deployer adopt`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, conclude, operation

EPILOG = """examples:
  deployer adopt shop           a container named shop serves edge.port today
  deployer adopt shop --image shop:2
"""


EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""


RESULT = "adopt"
"""The kind of result that `--json` ends with, also where there is none yet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("container", help="name or id of the container that serves edge.port today")
    parser.add_argument("--image", metavar="REF", help="deploy this instead of the container's own image")
    parser.add_argument(
        "--without-volumes",
        action="store_true",
        help="go on although service.volumes lacks some of the container's",
    )
    add_lock_wait(parser)


def told(_args: argparse.Namespace) -> Deed:
    """What others are told that this does."""
    return Deed("adopt", commit=False)


def run(args: argparse.Namespace, context: Context) -> int:
    """Take it over."""
    from deployer.rollout.adopt import adopt

    result = adopt(
        operation(args, context),
        container=args.container,
        image=args.image,
        without_volumes=args.without_volumes,
    )
    return conclude(result, args, context)
