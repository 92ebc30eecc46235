"""A folder with a config.yaml that names ends, and commands that are run in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from deployer.config.load import load
from deployer.config.schema import Config
from tests.support import cli, ends, nursery, pipelines
from tests.support.cli import Done
from tests.support.images import ROOT

SECRET = "canary-of-the-secret"
SLACK = {"webhook": "${env:SLACK}"}
BOT = {"token": "${env:TOKEN}", "channel": ends.CHANNEL}
HOOK = {"url": "${env:HOOK}", "secret": "${env:SECRET}"}


class Folder:
    """A back end whose build and test are commands, so that no engine is needed."""

    def __init__(self, path: Path, server: ends.Ends) -> None:
        self.path = path
        self.ends = server
        self.environ = {
            "PATH": os.environ["PATH"],
            "SLACK": server.webhook,
            "HOOK": server.hook,
            "TOKEN": ends.TOKEN,
            "SECRET": SECRET,
            "DEPLOYER_WHO": "minji",
        }
        (path / "source").write_text("1")
        self.commands: dict[str, Any] = {"build": {"commands": [["true"]], "inputs": ["source"]}}

    def config(self, *, build: list[str] | None = None, **notify: Any) -> Config:
        """Write config.yaml with these ends; a bot's API is the server's.

        A command that waits for its deadline though all is told would be ended by the test's own.
        """
        notify["slack"] = [
            {**end, "api": self.ends.api} if "token" in end else end for end in notify.get("slack", [])
        ]
        if build is not None:
            self.commands["build"]["commands"] = [build]
        text = yaml.safe_dump(
            {
                "service": {"name": "shop", "image": "shop:1", "port": 8080},
                # Nothing is there: a command on the engine fails at once.
                "host": {"docker": f"unix://{self.path}/no-engine.sock"},
                "pipelines": {"backend": self.commands},
                "notify": {"timeout": "5s", "deadline": "1000s", **notify},
            }
        )
        (self.path / "config.yaml").write_text(text)
        return load(self.path / "config.yaml", environ={})

    def deployer(self, *words: str, **environ: str) -> Done:
        """`deployer ...` in this process."""
        return cli.run(*words, "-c", str(self.path / "config.yaml"), **self.environ, **environ)

    def pipelines(self, *words: str, **environ: str) -> Done:
        """`pipelines ...` in this process."""
        return pipelines.run(self.path, *words, **{**self.environ, **environ})

    def start(self, module: str, *words: str) -> nursery.Process:
        """The same in a process of its own, whose output goes to `out` and `err`."""
        with (self.path / "out").open("w") as out, (self.path / "err").open("w") as err:
            return nursery.Process(
                module,
                list(words),
                cwd=self.path,
                env={**self.environ, "PYTHONPATH": str(ROOT)},
                stdout=out,
                stderr=err,
            )

    @property
    def said(self) -> str:
        return (self.path / "out").read_text() + (self.path / "err").read_text()


def last(done: Done) -> Any:
    """What a command came to: the last line that it prints for a program."""
    return json.loads(done.stdout.splitlines()[-1])


def undelivered(done: Done) -> list[dict[str, Any]]:
    """What a command could not tell, from its JSON lines."""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = [line["ends"] for line in lines if line.get("event") == "undelivered"]
    assert len(found) <= 1, "it is said once"
    return found[0] if found else []


def no_canary(*texts: str) -> None:
    """No secret of an end is in any of them."""
    for text in texts:
        for canary in ends.CANARIES:
            assert canary not in text, f"{canary} in {text}"
