"""`deployer edge`."""

from __future__ import annotations

import argparse
from typing import Any

from deployer.cli.context import Context
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, duration, operation
from deployer.errors import ExitStatus, UsageError

EPILOG = """examples:
  deployer edge status
  deployer edge maintenance on --hold 10s     hold requests 10 s, then answer 503 with Retry-After
  deployer edge maintenance off
  deployer edge upgrade                       new HAProxy, configuration or certificate; no request is lost
"""


EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("action", choices=["status", "maintenance", "upgrade"])
    parser.add_argument("switch", nargs="?", choices=["on", "off"], help="for maintenance")
    parser.add_argument("--hold", metavar="TIME", help="for maintenance on: instead of edge.hold, as in 10s")
    add_lock_wait(parser)


def told(args: argparse.Namespace) -> Deed | None:
    """What others are told that this does."""
    return None if args.action == "status" else Deed(f"edge {args.action}", commit=False)


def run(args: argparse.Namespace, context: Context) -> int:
    """Show or change the edge."""
    if (args.action == "maintenance") != (args.switch is not None):
        raise UsageError(
            "maintenance takes on or off, and nothing else does", remedy="deployer edge maintenance on|off"
        )
    if args.hold is not None and args.switch != "on":
        raise UsageError("--hold is for maintenance on", remedy="deployer edge maintenance on --hold 10s")
    hold = duration("--hold", args.hold)
    work_on = operation(args, context)
    if args.action == "maintenance":
        from deployer.rollout import commands

        commands.maintenance(work_on, on=args.switch == "on", hold=hold)
    elif args.action == "upgrade":
        from deployer.rollout.upgrade import upgrade

        upgrade(context.stocked(work_on))
    if args.json or args.action == "status":
        from deployer.rollout.status import status

        found = status(work_on.engine, work_on.config)["edge"]
        context.print_json(found) if args.json else context.print(_text(found))
    elif args.action == "upgrade":
        context.print(f"{work_on.service} has a new edge")
    return ExitStatus.OK


def _text(found: dict[str, Any] | None) -> str:
    if found is None:
        return "there is no edge; the first rollout makes it"
    words = {True: "yes", False: "no", None: "-"}
    return "\n".join(f"{key:<12} {words.get(value, value)}" for key, value in found.items())
