"""`python -m pipelines`: the pipelines, run the same by a person and by Jenkins."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from deployer.cli.main import Program

COMMANDS: dict[str, str] = {
    "backend": "the back end: checkout, build, test, containerize, redeploy, prune",
    "frontend": "the front end: checkout, install, build, deploy, invalidate, verify",
    "jenkins": "the Jenkins controller: make it, its jobs, its builds",
}

MODULES = {"backend": "pipelines.cli", "frontend": "pipelines.cli", "jenkins": "pipelines.jenkins.cli"}

EPILOG = """examples:
  pipelines backend --plan           which stages would run, and why
  pipelines backend                  all of them
  pipelines backend containerize     one, as a stage of Jenkins does
  pipelines frontend --from deploy   a part

exit codes: those of `deployer`, and 12 where a command of a stage failed; docs/exit-codes.md says more.
"""


def _module(name: str) -> Any:
    return importlib.import_module(MODULES[name])


PROGRAM = Program(
    "pipelines", "Runs the pipelines of the back end and the front end.", EPILOG, COMMANDS, _module
)
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
