"""The first start: a SQLite file that is not there yet is made, so that trying the app needs no command."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from app.storage.database import Database

log = logging.getLogger(__name__)

PATIENCE = 120.0  # seconds


def begin(database: Database) -> None:
    """Make the tables where there is no file, or an empty one; in a process of its own, as serving has no
    alembic.

    A schema that exists, and every server's, is changed by `python -m app migrate` alone. A failure is left
    to the readiness check, which tells it for as long as it lasts and notices its end.
    """
    if database.file is None:
        return
    try:
        if database.file.exists() and database.file.stat().st_size:
            return
        done = subprocess.run(
            [sys.executable, "-m", "app", "migrate"],
            env=os.environ | {"INTERVIEW_DATABASE": str(database.file)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.error("cannot create the database %s: %s", database.name, error)
        return
    if done.returncode:
        log.error("cannot create the database %s", done.stderr.strip())
