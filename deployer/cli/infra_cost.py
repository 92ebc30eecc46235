"""`deployer infra cost`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import msgspec

from deployer.cli.context import Context
from deployer.errors import ExitStatus

if TYPE_CHECKING:
    from deployer.stack.cost import Estimate
    from deployer.stack.prices import Prices

EPILOG = """examples:
  deployer infra cost
  deployer infra cost --set stack.instance.type=t3.medium    before it is changed

From the templates and a table of prices that has a date; nothing is asked of AWS. Beside it stand the
figures of the architecture document.
"""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """Estimate."""
    from deployer.stack.cost import estimate
    from deployer.stack.prices import prices
    from deployer.stack.template import templates

    made = templates(context.config(args))
    found = estimate((each.document(), each.region) for each in made)
    table = prices()
    if args.json:
        context.print_json(
            {
                "currency": "USD",
                "prices_of": str(table.date),
                "items": [item.as_dict() for item in found.items],
                "total": round(found.total, 2),
                "first_year": round(found.first_year, 2),
                "unknown": list(found.unknown),
                "usage": msgspec.to_builtins(table.usage),
                "document": table.document,
            }
        )
        return ExitStatus.OK
    for line in _lines(found, table):
        context.print(line)
    return ExitStatus.OK


def _lines(found: Estimate, table: Prices) -> list[str]:
    lines = [f"{'USD a month':<48} {'month':>8} {'1st year':>9} {'document':>9}"]
    for service in dict.fromkeys([*found.by_service(), *table.document]):
        said = table.document.get(service)
        items = [item for item in found.items if item.service == service]
        lines.append(
            f"{service:<48} {_money(sum(item.monthly or 0 for item in items)):>8} "
            f"{_money(sum(item.first_year or 0 for item in items)):>9} {_money(said):>9}"
        )
        for item in items:
            amounts = f"{_money(item.monthly):>8} {_money(item.first_year):>9}"
            lines.append(f"  {item.what:<46} {amounts}{' ' * 11 if item.note else ''}{item.note}".rstrip())
    total = sum(table.document.values())
    lines.append(f"{'all':<48} {found.total:>8.2f} {found.first_year:>9.2f} {total:>9.2f}")
    usage = table.usage
    lines += [
        "",
        f"Prices written down by hand on {table.date}, not fetched; without taxes, the domain, Gemini.",
        "1st year: with what is free in twelve months, for accounts from before 15 July 2025.",
        f"A month: {usage.transfer:g} GB out, {usage.requests:,} requests, {usage.storage:g} GB of site.",
    ]
    won = f"{found.total * table.won:,.0f} won, {found.first_year * table.won:,.0f} in the first year"
    lines.append(f"At {table.won:,} won to the dollar: {won}; the document says about 20,000.")
    if found.unknown:
        lines.append(f"Not in the table, and not in the sums: {', '.join(found.unknown)}.")
    return lines


def _money(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:.2f}"
