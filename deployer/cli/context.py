"""What a command runs in: its streams, its environment; tests replace them by keyword."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from deployer.errors import DeployerError

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from deployer.events import Emit
    from deployer.host.engine import Engine


@dataclass(slots=True)
class Context:
    """Streams and environment of one run of a command."""

    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    # A stream that was closed before we began is None, and nobody reads it.
    stdout: TextIO = field(default_factory=lambda: sys.stdout or io.StringIO())
    stderr: TextIO = field(default_factory=lambda: sys.stderr or io.StringIO())
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

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
            self.stdout.write(text + "\n")
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.abandon()
            raise DeployerError(f"the result cannot be written: {error.strerror}") from error

    def print_json(self, value: Any) -> None:
        """The command's result for a program: one JSON object on one line."""
        self.print(json.dumps(value, ensure_ascii=False, default=str))

    def config(self, args: argparse.Namespace) -> Config:
        """The config that `--config`, `--env` and `--set` name.

        :raises ConfigError: every problem, at once.
        """
        from deployer.config.load import load

        path = Path(args.config) if args.config else None
        return load(path, env=args.env, sets=args.set or (), environ=self.environ)

    def engine(self, config: Config) -> Engine:
        """The engine that the config names. :raises EngineError: it cannot be reached."""
        from deployer.host.engine import Engine

        return Engine(config.host.docker, self.environ)

    def emit(self, args: argparse.Namespace) -> Emit:
        """Who is told what happens: JSON lines with `--json`, else a live display or plain lines."""
        from deployer.sinks import console, jsonlines, lasting

        if getattr(args, "json", False):
            return lasting(jsonlines.JsonLines(self.stdout).emit)
        return lasting(console.choose(self.stderr, live=self.is_tty))

    def abandon(self) -> None:
        """The reader of standard output (head, less) has seen enough: nothing more is written there."""
        # What is still buffered would fail again when Python flushes it at the end.
        if self.stdout is sys.stdout:
            sys.stdout = None
