"""`deployer`: finds the command, runs it, and is the one place where errors end."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from deployer import __version__
from deployer.cli.context import Context
from deployer.errors import DeployerError, ExitStatus, UsageError

COMMANDS: dict[str, str] = {
    "rollout": "build the image and bring it to serving, without losing a request",
    "rollback": "back to the previous release, at once while it is kept warm",
    "recover": "put things right after a crash or a killed command",
    "adopt": "take over a container that already serves the port",
    "status": "what serves, what stands by, what needs attention",
    "releases": "the history: who deployed what, when, and how it ended",
    "logs": "the output of the serving release",
    "exec": "run a command in the serving release",
    "build": "only build the image",
    "prune": "remove old releases and images of this service",
    "edge": "the edge's status, maintenance, upgrade",
    "lock": "who holds the lock",
    "config": "check, show and explain config.yaml",
    "render": "show the files that templates make",
    "completion": "a completion script for your shell",
}

EPILOG = """examples:
  deployer rollout --plan            what would happen
  deployer rollout                   build and deploy
  deployer rollout --image shop:42   deploy an image that exists
  deployer status --watch            look on
  deployer rollback                  one step back

exit codes: 0 done, 1 unexpected, 2 usage, 3 config, 4 engine, 5 image, 6 refused, 7 locked,
8 bad release (the old one serves), 9 edge, 10 needs a person; docs/exit-codes.md says more.
"""


class Parser(argparse.ArgumentParser):
    """argparse, with our exit code and a hint at the nearest command."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, remedy=f"`{self.prog} --help` shows what there is")


def parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The whole command line.

    :param chosen: build only this command's own arguments: importing the others costs time that `--help`
        and every run would pay. None builds all (for completion and the tests of the docs).
    """
    top = Parser(
        prog="deployer",
        description="Deploys a container behind an edge without losing a request.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"deployer {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, text in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if chosen is None or chosen == name:
            module = _module(name)
            sub.epilog = getattr(module, "EPILOG", None)
            common(sub)
            module.add_arguments(sub)
    return top


def common(sub: argparse.ArgumentParser) -> None:
    """The arguments that every command takes."""
    group = sub.add_argument_group("common")
    group.add_argument("-c", "--config", metavar="PATH", help="config file (default: config.yaml here)")
    group.add_argument("-e", "--env", metavar="NAME", help="environment of the config to merge over its base")
    group.add_argument(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="override one key, as in service.port=8081; repeatable",
    )
    group.add_argument("--json", action="store_true", help="machine-readable output")


def main(argv: Sequence[str] | None = None, context: Context | None = None) -> int:
    """Run a command; its exit code. Nothing is raised past here."""
    context = context or Context()
    words = list(sys.argv[1:] if argv is None else argv)
    args: argparse.Namespace | None = None
    try:
        args = parser(_command(words) or "").parse_args(words)
        if not args.command:
            parser("").print_help(context.stdout)
            return ExitStatus.USAGE
        from deployer.interrupts import raising

        with raising():
            return int(_module(args.command).run(args, context))
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except DeployerError as error:
        report(error, context, as_json="--json" in words)
        return int(error.exit_status)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        sys.stdout = None
        return ExitStatus.OK


def report(error: DeployerError, context: Context, *, as_json: bool) -> None:
    """Say what went wrong: to a program on stdout, to a person on stderr."""
    if as_json:
        context.print_json({**(error.result or {}), **error.as_dict()})
        return
    lines = [f"deployer: {error.message}"]
    lines += [f"  {line}" for line in error.details]
    if error.remedy:
        lines.append(f"  -> {error.remedy}")
    context.stderr.write("\n".join(lines) + "\n")


def _command(words: Sequence[str]) -> str | None:
    """The command among the words, before argparse has looked at them."""
    return next((word for word in words if word in COMMANDS), None)


def _module(name: str) -> Any:
    return importlib.import_module(f"deployer.cli.{name}")
