"""`python -m app migrate` and its like: what an operator, or a rollout's hook, runs beside the server."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from app import Settings, SettingsError
from app.settings import default_database

DONE, FAILED, USAGE, STRANDED = 0, 1, 2, 3
"""Exit codes; STRANDED: the release to go back to could not run on this schema."""
STORAGE = ("INTERVIEW_DATABASE", "INTERVIEW_SNAPSHOTS")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 wrong settings or usage, 3 from `check-rollback` alone."""
    options = _parser().parse_args(arguments)
    from app.storage.address import BadAddress
    from app.storage.errors import StorageError

    try:
        options.url, options.snapshots = _storage(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except BadAddress as error:
        sys.stderr.write(f"bad settings:\n  INTERVIEW_DATABASE: {error}\n")
        return USAGE
    except StorageError as error:
        from app.storage.address import mask

        sys.stderr.write(f"{mask(options.url)}: cannot {options.command}: {error}\n")
        return FAILED


def migrate(options: argparse.Namespace) -> int:
    """Bring the database to this release's schema, or tell what would be done."""
    from app.storage.migration import Migration

    migration = Migration(options.url, snapshots=options.snapshots, wait=options.wait)
    if options.plan:
        state, steps = migration.plan()
        _say(f"{migration.name}: at schema {state.revision}, {len(steps)} to apply")
        for step in steps:
            _say(f"  {step.line}")
        return DONE
    outcome = migration.migrate()
    if outcome.snapshot:
        _say(f"{migration.name}: snapshot {outcome.snapshot}")
    if outcome.before != outcome.after:
        _say(f"{migration.name}: migrated from schema {outcome.before} to {outcome.after}")
    else:
        _say(f"{migration.name}: at schema {outcome.after} already")
    return DONE


def restore(options: argparse.Namespace) -> int:
    """Put a snapshot in the place of what there is."""
    from app.storage.migration import Migration

    migration = Migration(options.url, snapshots=options.snapshots)
    outcome = migration.restore(options.file)
    if outcome.snapshot:
        _say(f"{migration.name}: snapshot {outcome.snapshot}")
    _say(f"{migration.name}: restored {options.file}, from schema {outcome.before} to {outcome.after}")
    return DONE


def purge(options: argparse.Namespace) -> int:
    """Remove what is past its time."""
    from app.storage import snapshot
    from app.storage.database import Database
    from app.storage.purge import purge as remove

    database = Database(options.url)
    purged = remove(database)
    files = snapshot.remove_old(*snapshot.place(database.url, options.snapshots))
    database.close()
    _say(
        f"{database.name}: purged {purged.interviews} interviews, {purged.days} day counts, "
        f"{purged.tickets} tickets, {files} snapshots"
    )
    return DONE


def check_rollback(options: argparse.Namespace) -> int:
    """Say whether a release made for an older schema could run on this one."""
    from app.storage import compatibility
    from app.storage.database import Database

    wanted = options.to or compatibility.SCHEMA
    database = Database(options.url)
    state = database.read(compatibility.state)
    database.close()
    if objection := state.objection(wanted):
        sys.stderr.write(f"{database.name}: {objection}\n")
        return STRANDED
    _say(f"{database.name}: at schema {state.revision}, which releases made for {wanted} run on")
    return DONE


def schema(_options: argparse.Namespace) -> int:
    """Tell what this release was made for: what another one's `check-rollback --to` wants to know."""
    from app.storage.compatibility import SCHEMA

    _say(SCHEMA)
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app", description="The interview API's maintenance commands."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("migrate", help="create the database, or bring it to this release's schema")
    command.add_argument("--plan", action="store_true", help="tell what would be done, and change nothing")
    command.add_argument(
        "--wait", type=float, default=60.0, metavar="SECONDS", help="for the database, and others (60)"
    )
    command.set_defaults(run=migrate)
    command = commands.add_parser("restore", help="put a snapshot in the place of all there is")
    command.add_argument("file", type=Path, metavar="FILE", help="a snapshot that migrate or restore took")
    command.set_defaults(run=restore)
    command = commands.add_parser("purge", help="remove what is past its time")
    command.set_defaults(run=purge)
    command = commands.add_parser(
        "check-rollback", help="whether this release, or an older one, can run on the schema; exit code 3: no"
    )
    command.add_argument(
        "--to",
        type=_revision,
        metavar="REVISION",
        help="what that release's `schema` prints; without it: this release",
    )
    command.set_defaults(run=check_rollback)
    command = commands.add_parser("schema", help="print the schema that this release was made for")
    command.set_defaults(run=schema)
    return parser


def _revision(text: str) -> str:
    if len(text) == 4 and text.isascii() and text.isdigit():
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a revision, four digits such as 0001")


def _storage(environ: Mapping[str, str]) -> tuple[str, Path | None]:
    """The database's address and the snapshots' folder.

    :raises SettingsError: another setting is wrong, too.
    """
    address = environ.get("INTERVIEW_DATABASE") or str(default_database())
    snapshots = environ.get("INTERVIEW_SNAPSHOTS")
    others = {name: value for name, value in environ.items() if name not in STORAGE}
    if address.startswith("/"):
        others["INTERVIEW_DATABASE"] = address
    Settings.from_environ(others)
    return address, Path(snapshots) if snapshots else None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
