"""`deployer`: finds the command, runs it, and is the one place where errors end."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from deployer import __version__
from deployer.cli.context import Context
from deployer.errors import (
    DeployerError,
    Exhausted,
    ExitStatus,
    FleetFailed,
    Interrupted,
    UsageError,
    unforeseen,
)
from deployer.interrupts import raising

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
    "site": "the front end in its bucket: deploy, roll back, verify",
    "lock": "who holds the lock",
    "host": "hosts over SSH: trust, prepare, facts, run a command",
    "notify": "who is told what happens: a test message to each",
    "infra": "the AWS account's part: render, plan, apply, look, cost, destroy",
    "doctor": "what goes wrong in practice, with evidence and remedies",
    "watch": "look once at hosts and service, and tell what has changed",
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
8 bad release (the old one serves), 9 edge, 10 needs a person, 11 cloud, 12 a command failed,
13 host, 14 not all hosts, 15 not told, 16 stack, 31 and 32 doctor found something, 33 watch sees
something bad, 129, 130 and 143 stopped by a signal; docs/exit-codes.md says more.
"""


FILES = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}
"""How shtab has each shell complete a path; its own constant would cost its import."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Examples as they are written, and room for the longest command's name."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


class Parser(argparse.ArgumentParser):
    """argparse, with our exit code and a hint at the nearest command or option."""

    commands: dict[str, Parser]

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, remedy=f"`{self.prog} --help` shows what there is")

    def unknown(self, words: Sequence[str]) -> NoReturn:
        """Refuse words that nothing takes."""
        options = [name for name in self._option_string_actions if name.startswith("--")]
        hints = [near(word.partition("=")[0], options) for word in words if word.startswith("-")]
        self.error(f"unrecognized: {' '.join(words)}{next(filter(None, hints), '')}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if value == []:
            return  # nothing was given for an argument that may be left out
        if action.choices is not None and value not in action.choices:
            named = "command" if action.dest == "command" else " or ".join(action.option_strings)
            known = [str(choice) for choice in action.choices]
            self.error(
                f"there is no {named or (str(action.metavar or action.dest)).lower()} '{value}'"
                + (near(value, known) or f"; there are {', '.join(known)}")
            )


def near(word: str, known: Iterable[str]) -> str:
    """The end of a message about a word that is not known: the known one that it is most like, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{found[0]}'?" if found else ""


class Program(NamedTuple):
    """A command line of commands, each a module with `add_arguments(parser)`, `run(args, context)`, `EPILOG`.

    A module of which others are told has `told(args)` too, which gives a `Deed`, or None for nobody; one that
    ends with a result of a rollout has its kind in `RESULT`.

    :param commands: what each is for, by name.
    :param module: imports a command's module: only when the command is run.
    """

    name: str
    description: str
    epilog: str
    commands: Mapping[str, str]
    module: Callable[[str], Any]

    def parser(self, chosen: str | None = None) -> Parser:
        """The whole command line.

        :param chosen: build only this command's own arguments: importing the others costs time that `--help`
            and every run would pay. None builds all (for completion and the tests of the docs).
        """
        top = Parser(
            prog=self.name, description=self.description, epilog=self.epilog, formatter_class=Formatter
        )
        top.add_argument("--version", action="version", version=f"{self.name} {__version__}")
        commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
        top.commands = commands.choices
        for name, text in self.commands.items():
            sub = commands.add_parser(
                name,
                help=text,
                description=text[0].upper() + text[1:] + ".",
                formatter_class=Formatter,
            )
            if chosen is None or chosen == name:
                module = self.module(name)
                sub.epilog = getattr(module, "EPILOG", None)
                common(sub)
                module.add_arguments(sub)
                if getattr(module, "EACH_HOST", False):
                    from deployer.cli.hosts import add_hosts

                    add_hosts(sub)
        return top

    def main(self, argv: Sequence[str] | None = None, context: Context | None = None) -> int:
        """Run a command; its exit code. Nothing is raised past here."""
        context = context or Context()
        words = list(sys.argv[1:] if argv is None else argv)
        try:
            with raising():
                return self._run(words, context)
        except SystemExit as leaving:
            return int(leaving.code or 0)
        except BrokenPipeError:
            context.abandon()
            return ExitStatus.OK
        except DeployerError as error:
            status = int(error.exit_status)
            try:
                self._report(error, words, context)
            except BrokenPipeError:
                context.abandon()
            return status
        except Exception as error:  # noqa: BLE001  (a fault of ours; it must end as the other errors do)
            ours = unforeseen(error)
            if not isinstance(ours, Exhausted):
                import traceback

                context.stderr.write(context.hidden("".join(traceback.format_exception(error))))
            self._report(ours, words, context)
            return ours.exit_status

    def _report(self, error: DeployerError, words: Sequence[str], context: Context) -> None:
        as_json = _wants_json(words)
        chosen = self._chosen(words)
        # Programs find the same keys, whether a rollout failed or never began. On several hosts, it may have.
        if chosen and as_json and error.result is None and not isinstance(error, FleetFailed):
            with contextlib.suppress(Exception):  # it may be the import of this very module that failed
                kind = getattr(self.module(chosen), "RESULT", None)
                if kind:
                    from deployer.cli.results import unbegun

                    error.result = unbegun(kind, error)
        report(error, context, as_json=as_json, program=self.name)

    def _chosen(self, words: Sequence[str]) -> str | None:
        """The command among the words, before argparse has looked at them."""
        return next((word for word in words if word in self.commands), None)

    def _run(self, words: list[str], context: Context) -> int:
        if words[:1] == ["help"]:
            words = [*words[1:2], "--help"]
        chosen = self._chosen(words)
        if words and words[0].startswith("-") and words[0] not in ("-h", "--help", "--version"):
            raise UsageError(
                f"{words[0]} stands before the command",
                remedy=f"write it behind: {self.name} {chosen or 'COMMAND'} ...",
            )
        top = self.parser(chosen or "")
        given: list[str] = []
        if chosen and "--" in words and getattr(self.module(chosen), "TAKES_COMMAND", False):
            # argparse takes words behind an option for nobody's.
            words, given = words[: words.index("--")], words[words.index("--") + 1 :]
        args, extra = top.parse_known_args(words)
        if not args.command:
            top.print_help(context.stdout)
            return ExitStatus.USAGE
        if extra:
            top.commands[args.command].unknown(extra)
        if given:
            args.words = given
        module = self.module(args.command)
        deed = module.told(args) if hasattr(module, "told") else None
        if deed is None:
            return _carry_out(module, args, context)
        from deployer.cli.telling import tell

        return tell(lambda args, context: _carry_out(module, args, context), deed, args, context)


def _carry_out(module: Any, args: argparse.Namespace, context: Context) -> int:
    if getattr(module, "EACH_HOST", False):
        from deployer.cli.hosts import on_each

        lost_too = getattr(module, "LOST_HOSTS", False)
        hangs_up = getattr(module, "HANGS_UP", False)
        return on_each(module.run, args, context, lost_too=lost_too, hangs_up=hangs_up)
    return int(module.run(args, context))


def common(sub: argparse.ArgumentParser) -> None:
    """The arguments that every command takes."""
    group = sub.add_argument_group("common")
    path = group.add_argument(
        "-c", "--config", metavar="PATH", help="config file (default: config.yaml here)"
    )
    path.complete = FILES  # type: ignore[attr-defined]  # read by shtab
    group.add_argument("-e", "--env", metavar="NAME", help="environment of the config to merge over its base")
    group.add_argument(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="override one key, as in service.port=8081; repeatable",
    )
    group.add_argument("--json", action="store_true", help="machine-readable output")


def report(error: DeployerError, context: Context, *, as_json: bool, program: str = "deployer") -> None:
    """Say what went wrong: to a program on stdout, to a person on stderr."""
    if as_json:
        context.print_json({**(error.result or {}), **error.as_dict()})
        return
    remedy = error.remedy
    if isinstance(error, Interrupted) and error.result:
        remedy = "`deployer status` shows what serves"
    lines = [f"{program}: {error.message}"]
    lines += [f"  {line}" for line in error.details]
    if remedy:
        lines.append(f"  -> {remedy}")
    context.stderr.write(context.hidden("\n".join(lines)) + "\n")
    context.stderr.flush()


def _wants_json(words: Sequence[str]) -> bool:
    """Whether `--json` is among the words, even where they make no sense; behind `--` they are not for us."""
    ours = words[: words.index("--")] if "--" in words else words
    return "--json" in ours


def _module(name: str) -> Any:
    return importlib.import_module(f"deployer.cli.{name}")


PROGRAM = Program(
    "deployer", "Deploys a container behind an edge without losing a request.", EPILOG, COMMANDS, _module
)
parser = PROGRAM.parser
main = PROGRAM.main
