"""Other processes, as the kernel shows them."""

from __future__ import annotations

import contextlib
from pathlib import Path


def runs(pid: int | str) -> bool:
    """Whether a process does; a zombie, whose parent may be the machine's first process, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it was gone before, or goes while it is read
        return False


def children() -> set[int]:
    """Processes that this one has started and not ended, zombies too, all of them at one moment.

    Each thread lists its own, and while one list is read, a child of another may end and the next one begin.
    Those that are in two rounds were all there between the rounds.
    """
    return _listed() & _listed()


def _listed() -> set[int]:
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            found |= {int(pid) for pid in (thread / "children").read_text().split()}
    return found
