"""`deployer status`."""

from __future__ import annotations

import argparse
import contextlib
import time
from datetime import UTC, datetime
from typing import Any

from deployer.cli.context import Context
from deployer.cli.hosts import add_hosts, fleet
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
    add_hosts(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Show the status, once or for ever; 13 where a host could not be asked, after all has been shown."""
    from deployer.rollout.status import status

    config = context.config(args)
    hosts = fleet(args, context, config)
    if hosts is None:
        engine = context.engine(config)

        def look() -> dict[str, Any]:
            return status(engine, config)
    else:
        from deployer.fleet.status import statuses

        def look() -> dict[str, Any]:
            return {"service": config.service.name, "hosts": statuses(hosts)}

    screen = args.watch and not args.json and context.stdout.isatty()
    before: Any = None
    ending = ExitStatus.OK
    with contextlib.suppress(Interrupted) if args.watch else contextlib.nullcontext():
        while True:
            found = look()
            if args.json and found != before:
                context.print_json(found)
            elif screen:
                # Times go on even where nothing changes. One write: half a screen would flicker.
                context.print(HOME + text(found, datetime.now(UTC)))
            elif found != before:
                context.print(text(found, datetime.now(UTC)))
            if not args.watch:
                ending = ExitStatus.HOST if _unasked(found) else ending
                break
            before = found
            time.sleep(INTERVAL)
    return ending


def _unasked(found: dict[str, Any]) -> bool:
    return any("error" in host for host in found.get("hosts", {}).values())


def text(found: dict[str, Any], now: datetime) -> str:
    """The status for a person who reads it at `now`; lines of some 90 columns."""
    if "hosts" in found:
        return _table(found["hosts"], now)
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


def _table(hosts: dict[str, dict[str, Any]], now: datetime) -> str:
    """A line for each host, and what needs attention below it."""
    width = max(len(name) for name in hosts)
    lines = []
    for name, found in hosts.items():
        if "error" in found:
            lines.append(f"{name:<{width}}  ! {found['message']}")
            lines += [f"{'':<{width}}    -> {found['remedy']}"] if found["remedy"] else []
            continue
        edge, lock = found["edge"], found["lock"]
        words = [_release(found["active"], now)]
        words.append("no edge" if edge is None else f"edge {edge['status']} on {edge['address']}")
        words += ["in maintenance"] if edge and edge["maintenance"] else []
        words += [f"locked by {lock['who']} ({lock['command']})"] if lock else []
        lines.append(f"{name:<{width}}  " + "  ".join(words))
        lines += [f"{'':<{width}}  ! recovery needed: {need}" for need in found["recovery_needed"]]
    serving = {
        found["active"] and found["active"]["release"] for found in hosts.values() if "error" not in found
    }
    if len(serving) > 1:
        lines.append("! the hosts serve different releases -> `deployer recover` brings them to one")
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
