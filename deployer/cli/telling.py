"""Telling others what a command does: from its config to its end, whichever that is."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from deployer.cli.context import Context
from deployer.cli.listeners import Deed, Listeners


def tell(
    run: Callable[[argparse.Namespace, Context], int], deed: Deed, args: argparse.Namespace, context: Context
) -> int:
    """Run a command, and tell others how it went; what could not be told is said before its last word.

    :raises Exception: what the command raises.
    """
    listeners = context.listeners = Listeners(deed)
    context.held = []
    try:
        status = int(run(args, context))
    except BrokenPipeError:
        # Nobody reads the result any more; what it says has been done.
        context.say_lost(listeners.finish(0), args)
        raise
    except Exception as error:
        context.say_lost(listeners.fail(error), args)
        context.release()
        raise
    context.say_lost(listeners.finish(status), args)
    context.release()
    return status
