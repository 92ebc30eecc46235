"""What a command runs in: its streams, its environment; tests replace them by keyword."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from deployer.errors import DeployerError

if TYPE_CHECKING:
    from deployer.cli.listeners import Listeners
    from deployer.config.schema import Config
    from deployer.events import Emit, Event, Undelivered
    from deployer.host.engine import Engine
    from deployer.rollout.operation import Operation
    from deployer.sinks.mask import Mask


class Context:
    """Streams and environment of one run of a command.

    No Struct: it is made for `--help` too, which has no use for what that would import.
    """

    listeners: Listeners | None = None
    """Whom `notify` names; None for a command that nobody is told of."""
    held: list[str] | None = None
    """Results for a program that wait until all is told: they are the last lines. None: nothing is held."""
    shown: Emit | None = None
    """The display of this command."""
    mask: Mask | None = None
    """Hides what is a secret of the config, wherever others have put it; None until that is loaded."""

    def __init__(
        self,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.stdin = stdin or sys.stdin
        # A stream that was closed before we began is None, and nobody reads it.
        self.stdout = stdout or _bearing(sys.stdout) or io.StringIO()
        self.stderr = stderr or sys.stderr or io.StringIO()
        self.environ = environ

    @property
    def is_tty(self) -> bool:
        """Whether a person looks at standard error live: a terminal, and not Jenkins."""
        return (
            self.stderr.isatty() and self.environ.get("TERM") != "dumb" and "JENKINS_URL" not in self.environ
        )

    def print(self, text: str = "") -> None:
        """A line of the command's result.

        :raises BrokenPipeError: nobody reads it any more.
        :raises DeployerError: it cannot be written, since the disk is full.
        """
        try:
            self.stdout.write(self.hidden(text) + "\n")
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.abandon()
            raise DeployerError(f"the result cannot be written: {error.strerror}") from error

    def print_json(self, value: Any) -> None:
        """The command's result for a program: one JSON object on one line."""
        shown = value if self.mask is None else self.mask.all(value)
        line = json.dumps(shown, ensure_ascii=False, default=str)
        if self.held is None:
            self.print(line)
        else:
            self.held.append(line)

    def hidden(self, text: str) -> str:
        """The text without secrets."""
        return text if self.mask is None else self.mask.text(text)

    def release(self) -> None:
        """Print the results that were held."""
        held, self.held = self.held or [], None
        for line in held:
            self.print(line)

    def config(self, args: argparse.Namespace) -> Config:
        """The config that `--config`, `--env` and `--set` name.

        :raises ConfigError: every problem, at once.
        """
        from deployer.config.load import load

        path = Path(args.config) if args.config else None
        config = load(path, env=args.env, sets=args.set or (), environ=self.environ)
        from deployer.sinks.mask import Mask, secrets_of

        self.mask = Mask(secrets_of(config, self.environ))
        if self.listeners is not None:
            self.listeners.open(config, self.environ)
        return config

    def engine(self, config: Config) -> Engine:
        """The engine that the config names. :raises EngineError: it cannot be reached."""
        from deployer.host.engine import Engine

        return Engine(config.host.docker, self.environ)

    def stocked(self, operation: Operation) -> Operation:
        """The same operation, where the engine has been brought today's image of the edge.

        :raises DeployerError: it does not reach the host.
        """
        return operation  # an engine here builds it by itself

    def emit(self, args: argparse.Namespace) -> Emit:
        """Who is told what happens: whoever looks on here, and whom `notify` names."""
        from deployer.sinks import both

        here = self._here(args)
        return here if self.listeners is None else both(here, self.listeners.emit)

    def tell(self, event: Event) -> None:
        """Tell only those whom `notify` names: here it is said in another way."""
        if self.listeners is not None:
            self.listeners.emit(event)

    def say_lost(self, lost: Undelivered | None, args: argparse.Namespace) -> None:
        """Say here what could not be told elsewhere."""
        if lost is not None:
            self._here(args)(lost)

    def _here(self, args: argparse.Namespace) -> Emit:
        """JSON lines with `--json`, else a live display or plain lines."""
        from deployer.sinks import console, jsonlines, lasting
        from deployer.sinks.masked import masking

        if self.shown is None:
            as_json = getattr(args, "json", False)
            display = jsonlines.JsonLines(self.stdout).emit if as_json else None
            self.shown = lasting(display or console.choose(self.stderr, live=self.is_tty))
            if self.mask is not None:
                self.shown = masking(self.shown, self.mask)
        return self.shown

    def abandon(self) -> None:
        """The reader of standard output (head, less) has seen enough: nothing more is written there."""
        # What is still buffered would fail again when Python flushes it at the end.
        if self.stdout is sys.stdout:
            sys.stdout = None


def _bearing(stream: TextIO | None) -> TextIO | None:
    """The stream, which then writes in ASCII what it has no bytes for, as standard error does.

    Names of files and branches need not be UTF-8, and Jenkins' standard output need not be either.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream
