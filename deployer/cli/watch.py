"""`deployer watch`."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployer.config.schema import Config
    from deployer.events import ConditionChanged, Emit
    from deployer.watch.judgement import Verdict

EPILOG = """examples:
  deployer watch                      look once; says what has changed since the look before, else nothing
  deployer watch -v                   and how everything is
  sudo deployer watch --install       let a timer of this machine do it (systemd's, else cron's)
  deployer watch --install --plan     what that would change
  deployer watch --forget             what was told is told again

Ends with 0 where nothing is bad, 33 where something is, whether it was told before or not.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("-v", "--verbose", action="store_true", help="also how everything is now")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--install", action="store_true", help="make a timer that looks every `watch.every`")
    what.add_argument("--uninstall", action="store_true", help="take that timer away")
    what.add_argument("--forget", action="store_true", help="know nothing of the looks before")
    parser.add_argument(
        "--plan", action="store_true", help="for --install and --uninstall: only say what would change"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Look once, or see to it that somebody does."""
    if args.plan and not (args.install or args.uninstall):
        raise UsageError("--plan is for --install and --uninstall")
    config = context.config(args)
    if args.install or args.uninstall:
        return _install(args, context, config)
    from deployer.watch import memory

    file = memory.path(config, context.environ)
    with memory.alone(file):
        if not args.forget:
            return _look(args, context, config)
        forgotten = memory.forget(file)
    if args.json:
        context.print_json({"forgotten": forgotten})
    else:
        context.print("forgotten" if forgotten else "nothing was known")
    return ExitStatus.OK


def _look(args: argparse.Namespace, context: Context, config: Config) -> int:
    from deployer.events import Warned
    from deployer.watch import memory
    from deployer.watch.judgement import judge
    from deployer.watch.look import look

    file = memory.path(config, context.environ)
    emit = context.emit(args)
    known, complaint = memory.load(file)
    if complaint:
        emit(Warned(complaint))
    verdict = judge(known, look(config, context.environ, known.told), config.watch, time.time())
    for change in verdict.changes:
        emit(change)
    if _tell(config, context, verdict.changes, emit):
        # Last: what was told but not written down is told once more, which is better than not at all.
        memory.save(file, verdict.known)
    _show(verdict, args, context)
    return ExitStatus.WATCH_BAD if verdict.bad else ExitStatus.OK


def _tell(config: Config, context: Context, changes: Sequence[ConditionChanged], emit: Emit) -> bool:
    """Tell whom `notify` names; false where there are some, and not one of them could be told."""
    from deployer.sinks.telling import open_telling

    if not changes:
        return True
    with open_telling(config, context.environ, "watch", story=False, commit=False) as telling:
        for change in changes:
            telling.emit(change)
    if telling.lost is None:
        return True
    emit(telling.lost)
    return len(telling.lost.ends) < len(telling.couriers)


def _show(verdict: Verdict, args: argparse.Namespace, context: Context) -> None:
    if args.json:
        context.print_json(
            {
                "bad": verdict.bad,
                "changes": [change.as_dict() for change in verdict.changes],
                "conditions": verdict.described(),
            }
        )
    elif args.verbose:
        marks = {"ok": "ok", "warning": "!", "error": "!!"}
        for found in verdict.described():
            where = f"{found['host']}: " if found["host"] else ""
            context.print(f"{marks[found['state']]:<2} {where}{found['what']}: {found['evidence']}")


def _install(args: argparse.Namespace, context: Context, config: Config) -> int:
    from deployer.watch.schedule import install

    done = install(config, context.environ, context.emit(args), plan=args.plan, remove=args.uninstall)
    if args.json:
        context.print_json({"plan": args.plan, **done.as_dict()})
    else:
        count = len(done.changes)
        words = f"{count} change(s){' to make' if args.plan else ' made'}" if count else "nothing to change"
        context.print(f"{words}, {done.kept} in order")
    return ExitStatus.OK
