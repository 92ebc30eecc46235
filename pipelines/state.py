"""What a pipeline's processes leave for each other: one small file in the workspace.

    .pipeline/backend.json        this run's stages: how each ended, when, why, what it gave;
                                  and for each stage the last time it was done, with what decided that
    .pipeline/backend.lock        held while a process of this pipeline works here

The deployment itself is not in here: its state is on the host that serves it. Losing this folder costs a run
in which nothing is skipped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from deployer.errors import DeployerError, Locked
from pipelines import jsonfile
from pipelines.files import FOLDER

VERSION = 1

RUNNING, PASSED, SKIPPED, FAILED, ABORTED = "running", "passed", "skipped", "failed", "aborted"
GOOD = (PASSED, SKIPPED)


class Run(Struct, frozen=True):
    """One way through the pipeline: all stages of a Jenkins build, or of a laptop's command.

    :param id: Jenkins' BUILD_TAG, else made of the time.
    :param commit: 40 hex digits, or unknown.
    :param url: of the Jenkins build; empty elsewhere.
    """

    id: str
    commit: str
    began: str
    environment: str = ""
    url: str = ""


class Record(Struct, frozen=True):
    """How a stage went in this run.

    :param outcome: running, passed, skipped, failed, aborted.
    :param reason: why it ran or was skipped.
    :param text: what it came to, in words.
    :param error: of a stage that failed: `{error, message, remedy, details, exit_status}`.
    :param memory: the most that its process has held until then, in bytes.
    """

    outcome: str
    reason: str
    began: str
    seconds: float = 0.0
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    memory: int = 0

    @property
    def good(self) -> bool:
        """Whether the stages after it may count on it."""
        return self.outcome in GOOD


class Completion(Struct, frozen=True):
    """The last time that a stage was done: when, what decided it (a digest for each kind), what it gave."""

    at: str
    decided_by: Mapping[str, str]
    values: Mapping[str, Any]


class State(Struct):
    """All of the file."""

    run: Run | None = None
    records: dict[str, Record] = field(default_factory=dict)
    completions: dict[str, Completion] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """What the good stages of this run have given, the later ones over the earlier."""
        given: dict[str, Any] = {}
        for record in self.records.values():
            if record.good:
                given |= record.values
        return given


class Store:
    """The file of a pipeline below `root`, the folder of config.yaml."""

    def __init__(self, root: Path, pipeline: str) -> None:
        self._pipeline = pipeline
        self._folder = root / FOLDER
        self._path = self._folder / f"{pipeline}.json"

    def read(self) -> State:
        """What is there; nothing where the file is missing, damaged, or another version's."""
        found = jsonfile.read(self._path, VERSION)
        try:
            return _parse(found) if found else State()
        except (TypeError, AttributeError, ValueError):
            return State()

    def write(self, state: State) -> None:
        """Replace the file at once. :raises DeployerError: it cannot be written."""
        jsonfile.write(self._path, {"version": VERSION, "pipeline": self._pipeline, **_plain(state)})

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While no other process of this pipeline works here; the lock goes when ours ends, however it ends.

        :raises Locked: one does.
        """
        path = self._folder / f"{self._pipeline}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            ignored = self._folder / ".gitignore"
            if not ignored.exists():
                ignored.write_text("*\n", encoding="utf-8")
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise DeployerError(
                f"{self._folder} cannot be written ({error.strerror})",
                remedy="the pipeline keeps its state there: mend the folder's permissions",
            ) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
                raise Locked(
                    f"another {self._pipeline} pipeline works in {self._folder.parent}"
                    + (f" (process {holder})" if holder else ""),
                    remedy="wait for it, or use a checkout of your own",
                ) from None
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode("ascii"), 0)
            yield
        finally:
            os.close(lock)


def now() -> str:
    """The time, for the file: UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def settle(state: State) -> bool:
    """Call aborted what still counts as running: we hold the lock, so whoever ran it is gone."""
    settled = {
        name: replace(record, outcome=ABORTED, text="the process was killed")
        for name, record in state.records.items()
        if record.outcome == RUNNING
    }
    state.records.update(settled)
    return bool(settled)


def _plain(state: State) -> dict[str, Any]:
    return {
        "run": to_builtins(state.run) if state.run else None,
        "records": {name: to_builtins(record) for name, record in state.records.items()},
        "completions": {name: to_builtins(done) for name, done in state.completions.items()},
    }


def _parse(found: Mapping[str, Any]) -> State:
    run = found.get("run")
    return State(
        run=Run(**run) if run else None,
        records={name: Record(**record) for name, record in found.get("records", {}).items()},
        completions={name: Completion(**done) for name, done in found.get("completions", {}).items()},
    )
