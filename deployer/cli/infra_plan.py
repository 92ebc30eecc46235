"""`deployer infra plan`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deployer.cli.context import Context
from deployer.errors import ExitStatus

if TYPE_CHECKING:
    from deployer.stack.plan import StackPlan

EPILOG = """examples:
  deployer infra plan           what would change, be replaced, be lost, be away, cost
  deployer infra plan --json    the same for a program

A change set is made for each stack and deleted again; nothing else is changed. + is added, ~ changed in
place, -/+ made anew, - removed.
"""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """Plan, show it, and leave nothing behind."""
    from deployer.stack import plan
    from deployer.stack.work import open_work

    work = open_work(context.config(args), context.emit(args))
    made = plan.plans(work)
    plan.discard(work, made)
    if args.json:
        context.print_json(as_dict(made))
        return ExitStatus.OK
    context.print("\n".join(lines(made)))
    consents = plan.consents(made)
    if consents:
        words = " ".join(f"--accept {consent.value}" for consent in consents)
        context.print(f"to apply this: deployer infra apply {words}")
    for place, _ in work.leftovers():
        context.print(f"{place.name} is not in the config any more: deployer infra destroy {place.kind}")
    return ExitStatus.OK


def as_dict(made: Sequence[StackPlan]) -> dict[str, Any]:
    """Plans for a program."""
    from deployer.stack import plan

    return {
        "changes": any(each.action != "nothing" for each in made),
        "stacks": [each.as_dict() for each in made],
        "consents": {consent.value: reasons for consent, reasons in plan.consents(made).items()},
        "cost": plan.cost(made).as_dict(),
    }


def lines(made: Sequence[StackPlan]) -> list[str]:
    """Plans for people."""
    from deployer.stack import plan

    found = [line for each in made for line in each.lines()]
    month = plan.cost(made)
    if any(each.action != "nothing" for each in made):
        found.append(
            f"cost: {month.before:.2f} -> {month.after:.2f} USD a month ({month.change:+.2f}), estimated"
        )
    return found
