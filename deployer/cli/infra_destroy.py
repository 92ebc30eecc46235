"""`deployer infra destroy`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.errors import ExitStatus

if TYPE_CHECKING:
    from deployer.stack.removal import Removal

EPILOG = """examples:
  deployer infra destroy --plan            what would go, and what would stay
  deployer infra destroy                   asks for the stack's name, on a terminal
  deployer infra destroy --yes shop        for scripts: shop is the stack's name
  deployer infra destroy metrics --yes shop   one stack only

A bucket that holds something is kept, as is what the template retains; the database leaves a last snapshot.
A database that is protected refuses: stack.database.protected: false, apply, and then destroy.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action's own arguments."""
    parser.add_argument(
        "kinds",
        nargs="*",
        metavar="STACK",
        default=[],
        help="only these: zone, certificate, main, metrics (default: all)",
    )
    parser.add_argument("--yes", metavar="NAME", default=None, help="the stack's name, to be sure")
    parser.add_argument("--plan", action="store_true", default=False, help="only say what would happen")


def run(args: argparse.Namespace, context: Context) -> int:
    """Say what would happen, have it confirmed, do it."""
    from deployer.stack.removal import destroy, prepare
    from deployer.stack.work import open_work

    work = open_work(context.config(args), context.emit(args))
    if args.plan:
        _show(prepare(work, args.kinds), args, context)
        return ExitStatus.OK

    def agree(found: Sequence[Removal]) -> bool:
        if args.yes is not None or args.json or not context.stdin.isatty():
            return bool(args.yes == work.name)
        context.stderr.write("\n".join(line for each in found for line in each.lines()) + "\n")
        context.stderr.write(f"type the name of the stack, {work.name}, to delete all this: ")
        context.stderr.flush()
        return context.stdin.readline().strip() == work.name

    done = destroy(work, args.kinds, agree)
    if args.json:
        context.print_json({"destroyed": [each.as_dict() for each in done]})
        return ExitStatus.OK
    for each in done:
        for line in each.kept:
            context.print(f"kept: {line}")
    context.print(f"{', '.join(each.place.name for each in done) or 'nothing'} deleted")
    return ExitStatus.OK


def _show(found: Sequence[Removal], args: argparse.Namespace, context: Context) -> None:
    if args.json:
        context.print_json({"stacks": [each.as_dict() for each in found]})
    elif found:
        context.print("\n".join(line for each in found for line in each.lines()))
    else:
        context.print("nothing is there")
