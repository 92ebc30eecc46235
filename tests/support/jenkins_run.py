"""Jenkinsfiles, executed: declarative semantics over real shells, in Jenkins's own version of Groovy.

    with Jenkins(folder) as jenkins:
        build = jenkins.run(text, workspace=path, params={"force": True})
        assert build.wait().result == "SUCCESS"

The harness is in tests/jenkins/harness; docs/decisions/0016-executing-jenkinsfiles.md says what it is not.
By itself: `python -m tests.support.jenkins_run Jenkinsfile.be --workspace . --param A=b`; the exit code is
that of Jenkins's own command line: 0 SUCCESS, 1 UNSTABLE, 2 FAILURE, 3 NOT_BUILT, 4 ABORTED.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.waiting import until

HARNESS = Path(__file__).resolve().parents[1] / "jenkins" / "harness"
GROOVY = Path("/usr/share/java/groovy-all.jar")  # Debian's package groovy
JAVA = (
    *("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"),
    *("-cp", f"{GROOVY}:{HARNESS}", "groovy.ui.GroovyMain"),
)
RESULTS = ("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED")
STARTING = 180.0  # seconds for a virtual machine to start on a busy machine
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")

Credential = str | Mapping[str, str]
"""A text; or `username` and `password`; or the content of a `file`."""


@dataclass(frozen=True)
class Stage:
    """A stage that was reached, in the order in which they began."""

    name: str
    result: str
    skipped: str | None
    """Why; None where it ran."""
    seconds: float
    within: str | None
    """The stage around it."""


@dataclass(frozen=True)
class Outcome:
    """What a build came to."""

    result: str
    stages: tuple[Stage, ...]
    log: str
    tests: Mapping[str, int]
    commit: str | None

    def stage(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)


@dataclass
class Build:
    """A build that may still run."""

    jenkins: Jenkins
    id: int
    number: int = 0
    folder: Path = field(default_factory=Path)
    """Jenkins's record of it: `log`, `archive/`, `html/`."""

    @property
    def log(self) -> str:
        """All of it so far."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def wait(self, timeout: float = 120.0) -> Outcome:
        """Its outcome, once it has one."""
        said = self.jenkins.answer(self.id, "finished", timeout)
        stages = tuple(
            Stage(one["name"], one["result"], one["skipped"], one["seconds"], one["within"])
            for one in said["stages"]
        )
        return Outcome(said["result"], stages, self.log, said["tests"], said["commit"])

    def wait_for(self, text: str, timeout: float = 60.0) -> Self:
        """Until the log has the text."""
        until(lambda: text in self.log, f"{text!r} in the log of build {self.number}", timeout=timeout)
        return self

    def abort(self) -> Self:
        """What the button does: running steps are stopped, SIGTERM first, SIGKILL five seconds later."""
        self.jenkins.ask({"do": "abort", "id": self.id})
        return self


class Jenkins:
    """One virtual machine for any number of builds at once.

    :param home: a folder for the builds' records
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.errors = home / "harness.log"
        self._answers: dict[tuple[int, str], dict[str, Any]] = {}
        self._heard = threading.Condition()
        self._ended = False
        self._last = 0
        self._lock = threading.Lock()
        home.mkdir(parents=True, exist_ok=True)
        with self.errors.open("w") as errors:
            # SIGTERM where the session dies: the harness then ends what its builds have started.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", *JAVA, str(HARNESS / "Main.groovy"), str(home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._listener.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def run(
        self,
        text: str,
        workspace: Path,
        *,
        job: str = "job",
        params: Mapping[str, object] | None = None,
        credentials: Mapping[str, Credential] | None = None,
        env: Mapping[str, str] | None = None,
        scm: tuple[str, str] | None = None,
        changes: Sequence[str] = (),
        branch: str | None = None,
        cause: str = "UserIdCause",
        previous: str | None = None,
        patience: float = 5.0,
        grace: float = 60.0,
    ) -> Build:
        """Starts a build of a Jenkinsfile's text.

        :param env: on top of PATH, HOME and the locale
        :param scm: URL and branch that `checkout scm` gets; without, the workspace is used as it is
        :param changes: paths that changed since the build before; `checkout scm` finds out by itself
        :param previous: the result of the build before, where this harness has run none
        :param patience: seconds from SIGTERM to SIGKILL; Jenkins has 5
        :param grace: seconds that a body has after its timeout, for its post; Jenkins has 60
        """
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        id_ = self.ask(
            {
                "do": "run",
                "text": text,
                "workspace": str(workspace),
                "job": job,
                "params": dict(params or {}),
                "credentials": dict(credentials or {}),
                "env": {**inherited, **(env or {})},
                "scm": scm and {"url": scm[0], "branch": scm[1]},
                "changes": list(changes),
                "branch": branch,
                "cause": cause,
                "previous": previous,
                "patience": round(patience * 1000),
                "grace": round(grace * 1000),
                "url": "http://jenkins.invalid:9090",
            }
        )
        started = self.answer(id_, "started", STARTING)
        return Build(self, id_, started["number"], Path(started["folder"]))

    def complaints(self, text: str) -> list[str]:
        """What the grammar has against a Jenkinsfile, `LINE: MESSAGE` each."""
        id_ = self.ask({"do": "check", "text": text})
        found: list[str] = self.answer(id_, "finished", STARTING)["complaints"]
        return found

    def ask(self, request: dict[str, Any]) -> int:
        """Sends a request, and gives its number."""
        with self._lock:
            if "id" not in request:
                self._last += 1
                request["id"] = self._last
            assert self._process.stdin
            assert self._process.poll() is None, self.errors.read_text()
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return int(request["id"])

    def answer(self, id_: int, event: str, timeout: float) -> dict[str, Any]:
        """Waits for the answer to a request."""

        def there() -> bool:
            return (id_, event) in self._answers or self._ended

        with self._heard:
            self._heard.wait_for(there, timeout)
            assert (id_, event) in self._answers, f"no {event} from the harness: {self.errors.read_text()}"
            return self._answers[id_, event]

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            with self._heard:
                self._answers[said["id"], said["event"]] = said
                self._heard.notify_all()
        with self._heard:
            self._ended = True
            self._heard.notify_all()


def main(words: Sequence[str] | None = None) -> int:
    """Runs one Jenkinsfile, follows its log, and gives its result as the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.jenkins_run")
    parser.add_argument("jenkinsfile", type=Path)
    parser.add_argument("--workspace", type=Path, default=Path())
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--credentials", type=Path, help="a JSON file: {ID: TEXT or {username, password} or {file}}"
    )
    parser.add_argument("--scm", nargs=2, metavar=("URL", "BRANCH"))
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as home, Jenkins(Path(home)) as jenkins:
        build = jenkins.run(
            args.jenkinsfile.read_text(),
            args.workspace.resolve(),
            job=args.jenkinsfile.name,
            params=dict(pair.split("=", 1) for pair in args.param),
            credentials=json.loads(args.credentials.read_text()) if args.credentials else {},
            scm=tuple(args.scm) if args.scm else None,
        )
        outcome = build.wait(timeout=24 * 3600)
        sys.stdout.write(outcome.log)
    return RESULTS.index(outcome.result)


if __name__ == "__main__":
    sys.exit(main())
