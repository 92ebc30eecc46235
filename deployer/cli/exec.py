"""`deployer exec`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.serving import serving_container, texts
from deployer.errors import UsageError

EPILOG = """examples:
  deployer exec -- python3 -m app migrate
  deployer exec --user root -- ls -l /data

The command gets no input and no terminal; for a shell: docker exec -it CONTAINER sh
(`deployer status --json | jq -r .active.container` names it).
"""


EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""
HANGS_UP = True
"""An interrupt closes the connection to a host."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("-u", "--user", default="", metavar="USER", help="run as this user of the container")
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the command and its arguments"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Run the command; its exit code is ours."""
    words = [word for index, word in enumerate(args.words) if index or word != "--"]
    if not words:
        raise UsageError("exec needs a command", remedy="write it after two dashes: deployer exec -- ls -l")
    config = context.config(args)
    engine = context.engine(config)
    exec_id, chunks = engine.exec_stream(serving_container(engine, config), words, user=args.user)
    for text in texts(chunks):
        context.stdout.write(text)
        context.stdout.flush()
    return engine.exec_exit_code(exec_id)
