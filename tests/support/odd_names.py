"""A repository in which nothing that people write is UTF-8, as git lets them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ODD = b"caf\xe9"
"""A word in Latin-1."""
SHOWN = "caf\ufffd"
"""The same, where it is only shown."""


def commit_oddly(folder: Path) -> None:
    """Make the folder a repository with one commit of all that is in it; its subject and author are `ODD`."""
    # What is said to be UTF-8, or anything else that git knows, it mends by itself.
    said = (b"user.name=" + ODD, b"user.email=a@example.org", b"i18n.commitEncoding=nobody-knows")
    who = [word for each in said for word in (b"-c", each)]
    for words in (
        (b"init", b"--quiet", b"--initial-branch=main"),
        (b"add", b"."),
        (*who, b"commit", b"--quiet", b"-m", ODD),
    ):
        subprocess.run([b"git", *words], cwd=folder, check=True)


def oddly_named(folder: Path) -> Path:
    """A file in the folder with that name, and a link to it."""
    file = folder / os.fsdecode(ODD)
    file.write_text("1")
    (folder / "link").symlink_to(file.name)
    return file
