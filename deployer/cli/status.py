"""`deployer status`."""

from __future__ import annotations

import argparse
import contextlib
import time
from datetime import UTC, datetime
from typing import Any

from deployer.cli.context import Context
from deployer.errors import ExitStatus, Interrupted

EPILOG = """examples:
  deployer status --watch
  deployer status --json | jq -r .active.image
"""

HOME = "\x1b[H\x1b[2J"
"""Clears a terminal and begins at its top."""

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
    screen = args.watch and not args.json and context.stdout.isatty()
    before: Any = None
    with contextlib.suppress(Interrupted) if args.watch else contextlib.nullcontext():
        while True:
            found = status(engine, config)
            if args.json and found != before:
                context.print_json(found)
            elif screen:
                # Times go on even where nothing changes. One write: half a screen would flicker.
                context.print(HOME + text(found, datetime.now(UTC)))
            elif found != before:
                context.print(text(found, datetime.now(UTC)))
            if not args.watch:
                break
            before = found
            time.sleep(INTERVAL)
    return ExitStatus.OK


def text(found: dict[str, Any], now: datetime) -> str:
    """The status for a person who reads it at `now`; lines of some 90 columns."""
    lines = [f"service    {found['service']}"]
    for role in ("active", "previous", "candidate"):
        if found[role] or role != "candidate":
            lines.append(f"{role:<10} {_release(found[role], now)}")
    edge, lock = found["edge"], found["lock"]
    if edge:
        extra = ", in maintenance" if edge["maintenance"] else ", holding requests" if edge["holding"] else ""
        lines.append(f"edge       {edge['status']} on {edge['address']}{extra}")
    else:
        lines.append("edge       none; the first rollout makes it")
    lines.append(
        f"lock       {lock['who']} ({lock['command']}, for {_span(lock['since'], now)})"
        if lock
        else "lock       free"
    )
    for need in found["recovery_needed"]:
        lines.append(f"! recovery needed: {need}")
    if found["recovery_needed"]:
        lines.append("  -> `deployer recover`, or any command that changes something")
    return "\n".join(lines)


def _release(release: dict[str, Any] | None, now: datetime) -> str:
    if release is None:
        return "-"
    parts = [release["release"], release["image"] or "?"]
    if release["slot"]:
        parts.append(f"{release['slot']:<5}")
    running = release["status"] == "running"
    state = "ready" if release.get("ready") else "not ready" if running else release["status"]
    if release.get("warm_until"):
        state += f", kept warm for {_span(now.isoformat(), datetime.fromisoformat(release['warm_until']))}"
    elif running and release["since"]:
        state += f", up {_span(release['since'], now)}"
    return "  ".join([*parts, state])


def _span(since: str, until: datetime) -> str:
    """The time between the two in one unit; none where the engine's clock is ahead of ours."""
    seconds = max(0, int((until - datetime.fromisoformat(since)).total_seconds()))
    for unit, size, enough in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < enough:
            return f"{seconds // size} {unit}"
    return f"{seconds // 86400} days"
