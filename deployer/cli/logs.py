"""`deployer logs`."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator

from deployer.cli.context import Context
from deployer.cli.serving import serving_container, texts
from deployer.errors import ExitStatus, Interrupted

EPILOG = """examples:
  deployer logs -f
  deployer logs --release 20261122-2215 -n 500
  deployer logs --json | jq -r .line
"""


EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""
HANGS_UP = True
"""An interrupt closes the connection to a host."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on as lines come, until Ctrl-C")
    parser.add_argument(
        "-n", "--tail", type=int, default=100, metavar="N", help="lines of the past (default: 100)"
    )
    parser.add_argument("-t", "--timestamps", action="store_true", help="begin each line with its time")
    parser.add_argument("--release", metavar="RELEASE", help="of this release instead of the serving one")


def run(args: argparse.Namespace, context: Context) -> int:
    """Show the output of a release."""
    config = context.config(args)
    engine = context.engine(config)
    name = serving_container(engine, config, args.release)
    chunks = engine.follow_logs(name, tail=args.tail, follow=args.follow, timestamps=args.timestamps)
    with contextlib.suppress(Interrupted):
        if args.json:
            for line in _lines(chunks):
                context.print_json({"container": name, "line": line})
        else:
            for text in texts(chunks):
                context.stdout.write(text)
                context.stdout.flush()
    return ExitStatus.OK


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    begun = ""
    for text in texts(chunks):
        *whole, begun = (begun + text).split("\n")
        yield from whole
    if begun:
        yield begun
