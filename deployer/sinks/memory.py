"""What the processes of one run leave for each other: which message it was that tells of it.

A pipeline in Jenkins is a process for each stage; the message in Slack is one.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any


class Memory:
    """A small file for one end and one run. Losing it costs a second message, and nothing else.

    :param path: None where a run is one process, and has nothing to remember.
    """

    def __init__(self, path: Path | None, run: str) -> None:
        self._path = path
        self._run = run

    def recall(self) -> dict[str, Any]:
        """What was kept of this run."""
        try:
            found = json.loads(self._path.read_bytes()) if self._path else {}
        except (OSError, ValueError):
            return {}
        of_this_run = isinstance(found, dict) and found.get("run") == self._run
        kept = found.get("kept") if of_this_run else {}
        return kept if isinstance(kept, dict) else {}

    def keep(self, value: dict[str, Any]) -> None:
        """Keep this for the next process, in place of what was there."""
        if self._path is None:
            return
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps({"run": self._run, "kept": value}), encoding="utf-8")
            new.replace(self._path)
