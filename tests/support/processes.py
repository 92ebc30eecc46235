"""Other processes, as the kernel shows them."""

from __future__ import annotations

from pathlib import Path


def runs(pid: int | str) -> bool:
    """Whether a process does; a zombie, whose parent may be the machine's first process, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it was gone before, or goes while it is read
        return False
