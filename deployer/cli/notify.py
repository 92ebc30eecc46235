"""`deployer notify`."""

from __future__ import annotations

import argparse
from typing import Any

from deployer.cli.context import Context
from deployer.errors import ConfigError, ExitStatus, NotDelivered, UsageError

EPILOG = """examples:
  deployer notify test                a test message to each end of `notify`
  deployer notify test team           only to that one
  deployer notify test -e production

Ends with 0 where each of them took it, with 15 where one did not.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("action", choices=["test"], help="what to do")
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this end; else all of them")


def run(args: argparse.Namespace, context: Context) -> int:
    """Send a test message to each end, and say of each how it went."""
    from deployer.events import NotifyTested
    from deployer.sinks.telling import open_telling
    from deployer.sinks.words import say

    config = context.config(args)
    names = [end.name for _, end in config.notify.ends()]
    if not names:
        raise ConfigError(
            "the config names nobody to tell", remedy="docs/notifications.md says how to set up `notify`"
        )
    if args.name is not None and args.name not in names:
        raise UsageError(f"there is no end '{args.name}'; there are {', '.join(names)}")
    telling = open_telling(
        config, context.environ, "notify test", story=False, commit=False, only=args.name, attempts=2
    )
    telling.emit(NotifyTested(say(config.notify.language, "test")))
    # As long as both attempts may take.
    lost = telling.close(2 * config.notify.timeout + config.notify.deadline)
    reasons = {each.name: each.reason for each in lost.ends} if lost else {}
    ends: list[dict[str, Any]] = [
        {
            "name": courier.name,
            "kind": courier.kind,
            "delivered": courier.name not in reasons,
            "reason": reasons.get(courier.name),
        }
        for courier in telling.couriers
    ]
    lines = [f"{end['name']} ({end['kind']}): {end['reason'] or 'delivered'}" for end in ends]
    if reasons:
        error = NotDelivered(
            f"{len(reasons)} of {len(ends)} end(s) did not take the test message",
            details=lines,
            remedy="mend what the lines say; docs/notifications.md lists the usual causes",
        )
        error.result = {"ends": ends}
        raise error
    context.print_json({"ends": ends}) if args.json else context.print("\n".join(lines))
    return ExitStatus.OK
