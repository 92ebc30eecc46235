"""`python -m app migrate`: what is run once before a release takes over."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys

from app import Settings, SettingsError, schema


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 wrong settings or usage."""
    parser = argparse.ArgumentParser(
        prog="python -m app", description="The interview API's maintenance commands."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="create the database, or bring it to this release's schema")
    parser.parse_args(arguments)
    try:
        database = Settings.from_environ(os.environ).database
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        before, after = schema.migrate(database)
    except sqlite3.Error as error:
        sys.stderr.write(f"{database}: cannot migrate: {error}; check INTERVIEW_DATABASE and its volume\n")
        return 1
    done = f"migrated from schema {before} to {after}" if before != after else f"at schema {after} already"
    sys.stdout.write(f"{database}: {done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
