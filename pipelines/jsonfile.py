"""Small JSON files that are whole or not there, whenever the process is killed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployer.errors import DeployerError


def read(path: Path, version: int) -> dict[str, Any] | None:
    """What the file holds; None where it is missing, damaged, or of another version: it can be made again."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("version") == version else None


def write(path: Path, value: Mapping[str, Any]) -> None:
    """Replace the file at once. :raises DeployerError: it cannot be written."""
    # In ASCII: the name of a file need not be UTF-8, and has to come back as it was.
    put(path, json.dumps(value, separators=(",", ":")))


def put(path: Path, text: str) -> None:
    """The same for any text; folders are made. What is no text in it, as in names of files, becomes `?`."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8", errors="replace")
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise DeployerError(
            f"{path} cannot be written ({error.strerror})",
            remedy="make room on the disk, or mend the folder's permissions",
        ) from error
