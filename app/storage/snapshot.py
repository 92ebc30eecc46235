"""Everything in a database as one file, and back: gzip of JSON lines, the same for SQLite and MariaDB.

    {"snapshot": 1, "schema": "0001"}
    {"table": "interview", "columns": ["id", ...]}
    ["6d88...", {"b": "base64"}, 1764000000000, null, ...]
    ...
    {"rows": 1234}

Seen as of one moment, while others go on writing. The file holds personal data: only its owner may read it,
`erase` takes out of it what is deleted, and `remove_old` takes it away.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import gzip
import json
import os
import re
import time
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import URL, Connection, MetaData, Table, select, text

from app.storage.address import file_of
from app.storage.engines import WRITES
from app.storage.errors import Unusable

KEEP = 3  # of those that migrations take
KEEP_DAYS = 7
BATCH = 50  # rows written at once
BOOKKEEPING = frozenset({"alembic_version", "schema_step"})  # migrating writes them
VOLATILE = frozenset({"chore", "quota_day", "quota_limit", "quota_pause", "quota_queue", "quota_slot"})
NAME = re.compile(r"\.schema-\d{4}\.(\d{8}T\d{12})Z\.snapshot\.gz$")


def has_content(connection: Connection) -> bool:
    """Whether there is anything that somebody would miss."""
    return any(
        connection.execute(select(text("1")).select_from(table).limit(1)).first()
        for table in _tables(connection)
        if table.name not in VOLATILE
    )


def take(connection: Connection, folder: Path, prefix: str, schema: str, *, keep: int | None = KEEP) -> Path:
    """Write a snapshot, and remove the oldest beyond `keep`.

    :param connection: in no transaction.
    :param prefix: what the file's name begins with.
    :raises Unusable: it cannot be written there.
    """
    seconds, micros = divmod(time.time_ns() // 1000, 1_000_000)
    stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}{micros:06}"
    path = folder / f"{prefix}.schema-{schema}.{stamp}Z.snapshot.gz"
    try:
        with _alone(folder, prefix):
            with _written(path) as lines:
                _write(connection, schema, lines)
            if keep is not None:
                for old in snapshots(folder, prefix)[:-keep]:
                    old.unlink(missing_ok=True)
    except OSError as error:
        raise Unusable(
            f"no snapshot could be written to {folder} ({error}): make room, or name another"
        ) from error
    return path


def snapshots(folder: Path, prefix: str) -> list[Path]:
    """Those of a database, the oldest first."""
    found = {
        path: match[1]
        for path in folder.glob("*.snapshot.gz")
        if path.name.startswith(f"{prefix}.schema-") and (match := NAME.search(path.name))
    }
    return sorted(found, key=found.__getitem__)


def place(url: URL, folder: Path | None) -> tuple[Path, str]:
    """The folder of a database's snapshots, and what their names begin with.

    :param folder: as configured; default: the SQLite file's own, for a server the working directory.
    """
    file = file_of(url)
    if file is not None:
        return folder or file.parent, file.name
    return folder or Path.cwd(), str(url.database)


def remove_old(folder: Path, prefix: str, days: float = KEEP_DAYS) -> int:
    """Remove the snapshots older than so many days: they hold what was deleted since. How many.

    What is being written is waited for: rewritten, a snapshot would come back after it was removed.

    :raises Unusable: they cannot be removed.
    """
    removed = 0
    try:
        with _alone(folder, prefix):
            for path in snapshots(folder, prefix):
                with contextlib.suppress(FileNotFoundError):  # somebody else was first
                    if path.stat().st_mtime < time.time() - days * 86400:
                        path.unlink()
                        removed += 1
    except FileNotFoundError:  # no folder, no snapshots
        return 0
    except OSError as error:
        raise Unusable(f"old snapshots in {folder} cannot be removed ({error})") from error
    return removed


def erase(folder: Path, prefix: str, interviews: Collection[str], since: int) -> None:
    """Take interviews, and all that belongs to them, out of a database's snapshots.

    A snapshot that is being taken is waited for: it may have begun before they were deleted. One that is
    removed meanwhile, by hand or by a release that did not wait, holds nothing any more.

    :param since: when the first of them was begun, in milliseconds: older snapshots cannot have them.
    :raises Unusable: of a snapshot that cannot be rewritten; the others are.
    """
    trouble: Unusable | None = None
    try:
        with _alone(folder, prefix):
            for path in snapshots(folder, prefix):
                try:
                    if path.stat().st_mtime * 1000 >= since:
                        _rewrite(path, frozenset(interviews))
                except (OSError, Unusable) as error:
                    if path.exists():
                        trouble = Unusable(f"{path} still holds what was deleted ({error}): remove it")
    except OSError as error:
        raise Unusable(f"the snapshots in {folder} cannot be looked at ({error})") from error
    if trouble:
        raise trouble


def verify(path: Path) -> str:
    """Read a snapshot to its end; the schema that it is of.

    :raises Unusable: it is none, or not whole.
    """
    schema, rows, promised = "", 0, None
    for line in _lines(path):
        match line:
            case {"snapshot": 1, "schema": str(found)}:
                schema = found
            case {"rows": int(number)}:
                promised = number
            case list():
                rows += 1
    if not schema or promised != rows:
        raise Unusable(f"{path} is no whole snapshot")
    return schema


def drop_tables(connection: Connection) -> None:
    """Remove every table: the database is ours alone."""
    for table in reversed(_tables(connection, without=frozenset())):
        table.drop(connection)
    connection.commit()


def load(connection: Connection, path: Path) -> None:
    """Put a snapshot's rows into the tables, which have its schema and no rows: all of them, or none."""
    tables = {table.name: table for table in _tables(connection)}
    table: Table | None = None
    columns: list[str] = []
    rows: list[dict[str, Any]] = []

    def write() -> None:
        if table is not None and rows:
            connection.execute(table.insert(), rows)
            rows.clear()

    for line in _lines(path):
        match line:
            case {"table": str(name), "columns": list(names)}:
                write()
                table, columns = tables[name], names
            case list(values):
                rows.append(dict(zip(columns, map(_decode, values), strict=True)))
                if len(rows) >= BATCH:
                    write()
    write()
    connection.commit()


@contextlib.contextmanager
def _alone(folder: Path, prefix: str) -> Iterator[None]:
    """While nobody else, in any process, writes a snapshot there; what one who was killed has left goes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob("*.snapshot.unfinished"):
            if left.name.startswith(f"{prefix}.schema-"):
                left.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    """The lines of a file that is there when it is whole, in the place of what was there."""
    unfinished = path.with_suffix(".unfinished")
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as raw:
            with gzip.open(raw, "wt", compresslevel=3, encoding="utf-8") as lines:
                yield lines
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _rewrite(path: Path, gone: frozenset[str]) -> None:
    """Leave out the rows of these interviews, as old as it was."""
    seen = path.stat()
    table, rows = "", 0
    columns: list[str] = []
    tasks: set[str] = set()  # of these interviews; whatever refers to them comes later

    def belongs(row: dict[str, Any]) -> bool:
        if table == "interview":
            return row.get("id") in gone
        if row.get("interview") in gone:
            if table == "task":
                tasks.add(row.get("id", ""))
            return True
        return row.get("task") in tasks

    with _written(path) as lines:
        for line in _lines(path):
            match line:
                case {"table": str(name), "columns": list(names)}:
                    table, columns = name, names
                case {"rows": int()}:
                    line["rows"] = rows
                case list(values):
                    if len(values) != len(columns):
                        raise Unusable(f"{path} has a row that does not fit its table")
                    if belongs(dict(zip(columns, values, strict=True))):
                        continue
                    rows += 1
            _put(lines, line)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def _put(lines: TextIO, value: object) -> None:
    lines.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def _tables(connection: Connection, without: frozenset[str] = BOOKKEEPING) -> list[Table]:
    """The tables as they are, not as this release would have them; those referred to come first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in without]


def _write(connection: Connection, schema: str, lines: TextIO) -> None:
    with _reading(connection):
        _put(lines, {"snapshot": 1, "schema": schema})
        count = 0
        for table in _tables(connection):
            _put(lines, {"table": table.name, "columns": [column.name for column in table.columns]})
            for row in connection.execution_options(stream_results=True, max_row_buffer=20).execute(
                select(table)
            ):
                _put(lines, [_encode(value) for value in row])
                count += 1
        _put(lines, {"rows": count})


@contextlib.contextmanager
def _reading(connection: Connection) -> Iterator[None]:
    """Without keeping anybody from writing."""
    before = connection.get_execution_options()
    connection.execution_options(**{WRITES: False})
    try:
        yield
    finally:
        connection.rollback()
        connection.execution_options(**{WRITES: before.get(WRITES, False), "stream_results": False})


def _lines(path: Path) -> Iterator[Any]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise Unusable(f"{path} is no whole snapshot ({error})") from error


def _encode(value: object) -> object:
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _decode(value: Any) -> object:
    return base64.b64decode(value["b"]) if isinstance(value, dict) else value
