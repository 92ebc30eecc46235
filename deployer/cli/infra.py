"""`deployer infra`: the AWS account's part. An action each in `deployer.cli.infra_*`."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from deployer.cli.context import Context
from deployer.cli.listeners import Deed
from deployer.cli.main import Formatter, common

ACTIONS: dict[str, str] = {
    "render": "show the CloudFormation templates that the config makes",
    "cost": "estimate the month, part by part",
    "plan": "say what applying would change, replace, interrupt, lose and cost",
    "apply": "bring the account to what the config says, through change sets",
    "status": "how the stacks are, and what differs from the config",
    "outputs": "what the stacks give: addresses, names, ids",
    "secrets": "list the stack's secrets, or write one",
    "destroy": "delete the stacks, keeping what holds data",
}
"""Each is a module `infra_<name>` with `add_arguments(parser)`, `run(args, context)` and `EPILOG`. Their own
arguments say their defaults, since the parser has none."""

EPILOG = """examples:
  deployer infra render            what would be given to CloudFormation
  deployer infra cost              what it costs a month
  deployer infra plan              what would change, be replaced, be lost
  deployer infra apply             do it
  deployer infra status            how it is

`deployer infra ACTION --help` says more. How to: docs/stack.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments: an action, with arguments of its own."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, text in ACTIONS.items():
        module = _module(name)
        sub = actions.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=module.EPILOG,
            formatter_class=Formatter,
            # What is said before the action must not be unsaid by the action's own defaults.
            argument_default=argparse.SUPPRESS,
        )
        common(sub)
        module.add_arguments(sub)


def told(args: argparse.Namespace) -> Deed | None:
    """What others are told that this does."""
    return Deed(f"infra {args.action}", commit=False) if args.action in ("apply", "destroy") else None


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the action says."""
    return int(_module(args.action).run(args, context))


def _module(name: str) -> Any:
    return importlib.import_module(f"deployer.cli.infra_{name}")
