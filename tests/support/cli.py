"""A command line in this process, with streams of its own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from deployer.cli.context import Context
from deployer.cli.main import main


@dataclass
class Done:
    """What a command came to."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


Cli = Callable[..., Done]


def run(*words: str, **environ: str) -> Done:
    """`run("rollout", "--plan")`: as a person would, with nothing but `environ` in the environment."""
    return program(main, words, environ)


def program(
    entry: Callable[[Sequence[str], Context], int],
    words: Sequence[str],
    environ: Mapping[str, str],
    stdin: TextIO | None = None,
) -> Done:
    """The same for any program's `main`, and with a keyboard."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = entry(words, Context(stdin or io.StringIO(), stdout, stderr, environ))
    return Done(status, stdout.getvalue(), stderr.getvalue())
