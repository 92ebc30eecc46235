"""`deployer infra apply`."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.cli.infra_plan import lines
from deployer.cli.results import add_lock_wait, lock_wait
from deployer.errors import ExitStatus

if TYPE_CHECKING:
    from deployer.stack.plan import Consent, StackPlan

EPILOG = """examples:
  deployer infra apply                         bring the account to what the config says
  deployer infra apply --accept replacement    also where something is made anew
  deployer infra apply --accept data-loss      also where data goes: read the plan first
  deployer infra apply --lock-wait 30m         wait while somebody else changes a stack

What is applied is the change set that was planned and shown. On a terminal it is asked instead of `--accept`.
Killed in between, it is run again: it follows what CloudFormation is at, and goes on from there.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action's own arguments."""
    parser.add_argument(
        "--accept",
        action="append",
        choices=("replacement", "data-loss"),
        default=[],
        help="agree to what the plan says is replaced, or lost; repeatable",
    )
    add_lock_wait(parser)
    parser.set_defaults(lock_wait=None)


def run(args: argparse.Namespace, context: Context) -> int:
    """Plan, ask where that is needed, and do it."""
    from deployer.stack.apply import apply
    from deployer.stack.plan import Consent
    from deployer.stack.work import open_work

    waiting = lock_wait(args) or 0.0
    given = {Consent(word) for word in args.accept}

    def agree(made: Sequence[StackPlan], needed: Mapping[Consent, Sequence[str]]) -> Collection[Consent]:
        if not args.json:
            context.stderr.write("\n".join(lines(made)) + "\n")
        lacking = [consent for consent in needed if consent not in given]
        if lacking and not args.json and context.stdin.isatty():
            asked = " and ".join(consent.value for consent in lacking)
            context.stderr.write(f"this needs your consent to {asked}; go on? Type yes: ")
            context.stderr.flush()
            if context.stdin.readline().strip() == "yes":
                return {*given, *lacking}
        return given

    work = open_work(context.config(args), context.emit(args), waiting)
    applied = apply(work, agree)
    if args.json:
        context.print_json(applied.as_dict())
        return ExitStatus.OK
    changed = [name for name, action in applied.outcomes.items() if action != "nothing"]
    said = f"{', '.join(changed)} as the config says" if changed else "nothing to do"
    context.print(f"{said} ({applied.seconds:.0f} s)")
    return ExitStatus.OK
