"""Releases of the storage to come, and the app's commands on a database: what tests of migrations share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.storage.database import Database
from app.storage.tables import metadata, schema_step
from tests.support import nursery
from tests.support.images import ROOT
from tests.support.rows import insert_interview

EXPANDS = '''"""Add a mood to interviews."""
from alembic import op
import sqlalchemy as sa
revision, down_revision, kind = "0002", "0001", "expands"
def upgrade():
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("interview")}
    if "mood" not in there:
        op.add_column("interview", sa.Column("mood", sa.String(20)))
'''
CONTRACTS = '''"""Take the persona away."""
from alembic import op
import sqlalchemy as sa
revision, down_revision, kind, minimum = "0003", "0002", "contracts", "0002"
def upgrade():
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("interview")}
    if "persona" in there:
        op.drop_column("interview", "persona")
'''


def versions(folder: Path, **modules: str) -> Path:
    """A folder with modules of migrations."""
    folder.mkdir()
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    return folder


def settings(url: str, folder: Path | None = None) -> dict[str, str]:
    """The environment of a command. :param folder: for its snapshots."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("INTERVIEW_")}
    more = {"INTERVIEW_SNAPSHOTS": str(folder)} if folder else {}
    return outer | {"INTERVIEW_DATABASE": url} | more


def run(url: str, *words: str, folder: Path | None = None) -> tuple[int, str, str]:
    """A command of the app: its exit code, what it printed, and what it said."""
    done = nursery.run("app", words, cwd=ROOT, env=settings(url, folder))
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def content(database: Database) -> dict[str, list[Any]]:
    """All rows, by table."""
    with database.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in metadata.sorted_tables
            if table is not schema_step
        }


def fill(database: Database, *names: str) -> None:
    """Insert interviews."""
    with database.writing() as connection:
        for name in names or ("one", "two"):
            insert_interview(connection, name)
