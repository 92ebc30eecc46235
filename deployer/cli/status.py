"""`deployer status`."""

from __future__ import annotations

import argparse
import time
from typing import Any

from deployer.cli.context import Context
from deployer.errors import ExitStatus, Interrupted

EPILOG = """examples:
  deployer status --watch
  deployer status --json | jq -r .active.image
"""

INTERVAL = 1.0
"""Seconds between two looks of `--watch`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("-w", "--watch", action="store_true", help="look again every second, until Ctrl-C")


def run(args: argparse.Namespace, context: Context) -> int:
    """Show the status, once or for ever."""
    from deployer.rollout.status import status

    config = context.config(args)
    engine = context.engine(config)
    show = context.print_json if args.json else lambda found: context.print(text(found))
    if not args.watch:
        show(status(engine, config))
        return ExitStatus.OK
    try:
        before: Any = None
        while True:
            found = status(engine, config)
            if found != before:
                if context.stdout.isatty() and not args.json:
                    context.stdout.write("\x1b[H\x1b[2J")
                show(found)
                before = found
            time.sleep(INTERVAL)
    except Interrupted:
        return ExitStatus.OK


def text(found: dict[str, Any]) -> str:
    """The status for a terminal."""
    lines = [f"service    {found['service']}"]
    for role in ("active", "previous", "candidate"):
        lines.append(f"{role:<10} {_release(found[role])}")
    edge, lock = found["edge"], found["lock"]
    if edge:
        extra = ", in maintenance" if edge["maintenance"] else ", holding requests" if edge["holding"] else ""
        lines.append(f"edge       {edge['status']} on {edge['address']}{extra}")
    else:
        lines.append("edge       none; the first rollout makes it")
    lines.append(
        f"lock       {lock['who']} ({lock['command']}, since {lock['since']})" if lock else "lock       free"
    )
    for need in found["recovery_needed"]:
        lines.append(f"! recovery needed: {need}")
    if found["recovery_needed"]:
        lines.append("  -> `deployer recover`, or any command that changes something")
    return "\n".join(lines)


def _release(release: dict[str, Any] | None) -> str:
    if release is None:
        return "-"
    parts = [release["release"], release["image"] or "?"]
    if release["slot"]:
        parts.append(f"slot {release['slot']}")
    parts.append(release["status"] if not release.get("ready") else "ready")
    if release.get("since"):
        parts.append(f"since {release['since']}")
    if release.get("warm"):
        parts.append(f"warm until {release['warm_until']}")
    return "  ".join(parts)
