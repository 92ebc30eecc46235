"""`deployer infra outputs`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.errors import ExitStatus

EPILOG = """examples:
  deployer infra outputs                      what the stacks give: addresses, names, ids
  eval "$(deployer infra outputs --shell)"    as variables of the shell: BUCKET_NAME, ...
  deployer infra outputs --json               as one object
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action's own arguments."""
    parser.add_argument("--shell", action="store_true", default=False, help="as lines that a shell can eval")


def run(args: argparse.Namespace, context: Context) -> int:
    """Show them."""
    from deployer.stack.status import as_shell, outputs
    from deployer.stack.work import open_work

    found = outputs(open_work(context.config(args), context.emit(args)))
    if args.json:
        context.print_json(found)
    elif args.shell:
        for line in as_shell(found):
            context.print(line)
    elif found:
        width = max(len(key) for key in found)
        context.print("\n".join(f"{key:<{width}}  {value}" for key, value in sorted(found.items())))
    else:
        context.print("the stacks give nothing, or are not there yet: deployer infra status")
    return ExitStatus.OK
