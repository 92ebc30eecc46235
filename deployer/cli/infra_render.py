"""`deployer infra render`."""

from __future__ import annotations

import argparse
from pathlib import Path

from deployer.cli.context import Context
from deployer.cli.render import write_files
from deployer.errors import ExitStatus, UsageError

EPILOG = """examples:
  deployer infra render                   every stack that the config makes
  deployer infra render main              one of them
  deployer infra render user-data         what the instance runs at its first start
  deployer infra render --out rendered    into a folder

Nothing is asked of AWS. The same config gives the same bytes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action's own arguments."""
    parser.add_argument(
        "name",
        nargs="?",
        default=None,
        metavar="NAME",
        help="zone, certificate, main, metrics or user-data (default: all stacks)",
    )
    parser.add_argument(
        "--out", metavar="DIR", default=None, help="write the files there instead of printing them"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Render."""
    from deployer.stack.layout import layout
    from deployer.stack.template import templates
    from deployer.stack.userdata import text

    config = context.config(args)
    files = {f"{each.kind}.yaml": each.body for each in templates(config)}
    script = {"user-data.sh": text(layout(config))} if layout(config).stack.instance.enabled else {}
    if args.name is not None:
        known = {name.partition(".")[0]: name for name in (*files, *script)}
        if args.name.partition(".")[0] not in known:
            raise UsageError(f"this config makes no '{args.name}'", remedy=f"it makes {', '.join(known)}")
        name = known[args.name.partition(".")[0]]
        files = {name: {**files, **script}[name]}
    elif args.out is not None:
        files |= script
    if args.out is not None:
        return write_files(files, Path(args.out), args, context)
    if args.json:
        context.print_json({"files": files})
    elif args.name is not None:
        context.stdout.write(next(iter(files.values())))
    else:
        for name, body in files.items():
            context.print(f"# ---- {name} ----")
            context.print(body.rstrip("\n"))
    return ExitStatus.OK
