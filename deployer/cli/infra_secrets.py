"""`deployer infra secrets`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from deployer.stack.work import Work

EPILOG = """examples:
  deployer infra secrets                                        which there are, and since when; never a value
  deployer infra secrets gemini-key                             asks for its value, on a terminal
  deployer infra secrets gemini-key --from '${env:GEMINI_KEY}'  takes it from where the reference says
  deployer infra secrets gemini-key < key.txt                   or from standard input

A value is never an argument: those can be read by everybody on the machine. The two that are generated,
origin-secret and database-password, are made by `apply` where they are not there.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action's own arguments."""
    parser.add_argument("name", nargs="?", default=None, metavar="NAME", help="the secret to write")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="REFERENCE",
        default=None,
        help="where its value is: ${env:NAME} or ${file:/path}",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """List them, or write one."""
    from deployer.stack import secrets
    from deployer.stack.work import open_work

    work = open_work(context.config(args), context.emit(args))
    if args.name is None:
        if args.source is not None:
            raise UsageError(
                "--from needs the name of a secret", remedy="deployer infra secrets NAME --from ..."
            )
        return _list(work, args, context)
    if args.name not in work.secrets:
        raise UsageError(
            f"the stack has no secret '{args.name}'",
            remedy=f"there are {', '.join(work.secrets) or 'none'}; stack.secrets.names lists further ones",
        )
    path = f"{work.secrets_prefix}/{args.name}"
    value = _value(args, context)
    if wrong := secrets.wrong(args.name, value):
        raise UsageError(f"the value of {args.name} {wrong}", remedy="nothing was written; give another one")
    secrets.put(work.cloud, work.region, path, value)
    if args.json:
        context.print_json({"written": path})
    else:
        context.print(f"wrote {path}")
        if args.name in work.generated:
            context.print("`deployer infra apply` gives it to what reads it")
    return ExitStatus.OK


def _list(work: Work, args: argparse.Namespace, context: Context) -> int:
    from deployer.stack import secrets

    found = secrets.listed(work)
    if args.json:
        context.print_json({"secrets": [each.as_dict() for each in found]})
        return ExitStatus.OK
    for each in found:
        lacks = "made by `deployer infra apply`" if each.generated else "not there"
        context.print(f"{each.name:<24} {each.path:<40} {each.since or lacks}")
    return ExitStatus.OK


def _value(args: argparse.Namespace, context: Context) -> str:
    from deployer.config.references import has_reference
    from deployer.config.secrets import resolve

    if args.source is not None:
        if not has_reference(args.source):
            # It may be the secret itself: it is not shown.
            raise UsageError("--from takes a reference", remedy="write ${env:NAME} or ${file:/path}")
        return resolve(args.source, context.environ, key="--from")
    if context.stdin.isatty():
        import getpass

        return getpass.getpass(f"{args.name}: ", stream=context.stderr)
    return context.stdin.read().removesuffix("\n").removesuffix("\r")
