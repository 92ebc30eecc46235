"""`deployer prune`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, count, operation
from deployer.errors import ExitStatus

EPILOG = """examples:
  deployer prune --plan      what would go, and why
  deployer prune --keep 2    keep two releases besides what is in use, whatever the config says
"""


EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--keep",
        type=count,
        metavar="N",
        help="how many of the newest images to keep (rollout.keep_releases)",
    )
    parser.add_argument("--plan", action="store_true", help="only say what would be removed")
    add_lock_wait(parser)


def told(args: argparse.Namespace) -> Deed | None:
    """What others are told that this does."""
    return None if args.plan else Deed("prune", quiet=True, commit=False)


def run(args: argparse.Namespace, context: Context) -> int:
    """Remove what no release needs, or say what that would be."""
    from deployer.config.units import humanize_size
    from deployer.rollout.commands import prune
    from deployer.rollout.tidying import plan

    work_on = operation(args, context)
    config = work_on.config
    keep = config.rollout.keep_releases if args.keep is None else args.keep
    if args.plan:
        planned = plan(work_on.engine, config, keep)
        if args.json:
            context.print_json(planned.as_dict())
            return ExitStatus.OK
        for text in planned.repairs:
            context.print(f"first: {text}")
        for name in planned.containers:
            context.print(f"{name}  (a stopped release, older than the newest {keep})")
        for removal in planned.images:
            context.print(
                f"{removal.name}  {removal.size / 1e6:.1f} MB with what it shares  ({removal.reason})"
            )
        if not (planned.repairs or planned.containers or planned.images):
            context.print("nothing to remove")
        return ExitStatus.OK
    pruned = prune(work_on, keep=keep)
    if args.json:
        context.print_json(pruned.as_dict())
    else:
        freed = humanize_size(pruned.bytes_freed)
        context.print(f"{len(pruned.removed)} image(s) removed, {freed} freed ({pruned.bytes_freed} bytes)")
    return ExitStatus.OK
