"""`deployer config`."""

from __future__ import annotations

import argparse
from pathlib import Path

from deployer.cli.context import Context
from deployer.errors import ExitStatus

HELP = "check, show and explain config.yaml"

EPILOG = """examples:
  deployer config check                   every problem of the file and of all its environments
  deployer config check --env production  and the files and secrets that this environment refers to
  deployer config show --env production   what is in force, with defaults; secrets are masked
  deployer config schema > schema.json    for completion in an editor
  deployer config docs                    every key, its unit and its default

`check` exits with 0 where only warnings are found, with 3 where there are problems.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("action", choices=["check", "show", "schema", "docs"], help="what to do")


def run(args: argparse.Namespace, context: Context) -> int:
    """Check, show or explain the config."""
    actions = {"check": _check, "show": _show, "schema": _schema, "docs": _docs}
    return actions[args.action](args, context)


def _check(args: argparse.Namespace, context: Context) -> int:
    from deployer.config.check import check

    report = check(
        Path(args.config) if args.config else None,
        env=args.env,
        sets=args.set or (),
        environ=context.environ,
    )
    status = ExitStatus.OK if report.ok else ExitStatus.CONFIG
    if args.json:
        context.print_json(report.as_dict())
        return status
    for line in report.problems:
        context.print(line)
    for line in report.warnings:
        context.print(f"warning: {line}")
    names = ", ".join(name or "base" for name in report.environments)
    if report.ok:
        context.print(f"{report.file}: OK ({names})")
    else:
        count = "1 problem" if len(report.problems) == 1 else f"{len(report.problems)} problems"
        context.print(f"{report.file}: {count} ({names})")
    return status


def _show(args: argparse.Namespace, context: Context) -> int:
    from deployer.config import show

    config = context.config(args)
    if args.json:
        context.print_json(show.masked(config))
    else:
        context.stdout.write(show.as_yaml(config))
    return ExitStatus.OK


def _schema(_args: argparse.Namespace, context: Context) -> int:
    import json

    from deployer.config.json_schema import json_schema

    context.print(json.dumps(json_schema(), indent=2))
    return ExitStatus.OK


def _docs(args: argparse.Namespace, context: Context) -> int:
    from deployer.config import reference

    if args.json:
        context.print_json(reference.as_data())
    else:
        context.stdout.write(reference.markdown())
    return ExitStatus.OK
