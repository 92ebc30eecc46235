"""Bringing a database to this release's schema. It alone needs alembic, which serving does not import."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from app.storage import address, compatibility, snapshot, turn
from app.storage.compatibility import NONE, State
from app.storage.engines import MIGRATING, WRITES, make_engine, pragma
from app.storage.errors import Busy, Lost, Unusable, mapped
from app.storage.tables import schema_step

HERE = Path(__file__).parent / "migrations"
VERSIONS = (HERE / "versions",)
WAIT = 60.0  # seconds, for the database to come up, and for others that migrate
TRIES = 30  # of a revision whose tables others are using: two seconds each, and the pause between
PAUSE = 1.0  # seconds between them: those who queued behind the ALTER go first


@dataclass(frozen=True)
class Step:
    """A revision: what it does, whether older releases run on the result, and if not, which ones do."""

    revision: str
    title: str
    kind: str
    minimum: str

    @property
    def line(self) -> str:
        """For people."""
        left = f" (only releases for {self.minimum} and later run on it)" if self.kind == "contracts" else ""
        return f"{self.revision} {self.kind}: {self.title}{left}"


@dataclass(frozen=True)
class Outcome:
    """The schema before and after, and the snapshot that was taken, if there was something to keep."""

    before: str
    after: str
    snapshot: Path | None = None


class Migration:
    """The tables of one database, and the ways to change them.

    :param url: see `app.storage.address`.
    :param versions: folders of revisions; another one for tests.
    :param snapshots: the folder for snapshots; default: the SQLite file's own, else the working directory.
    :param wait: seconds to wait for the database, and for others that migrate.
    :raises BadAddress: the url.
    """

    def __init__(
        self,
        url: str,
        *,
        versions: Sequence[Path] = VERSIONS,
        snapshots: Path | None = None,
        wait: float = WAIT,
    ) -> None:
        self.url = address.parse(url)
        self.name = address.mask(url)
        self.file = address.file_of(self.url)
        self._place = snapshot.place(self.url, snapshots)
        self.wait = wait
        self._config = Config()
        self._config.set_main_option("script_location", str(HERE).replace("%", "%%"))
        self._config.set_main_option("path_separator", "newline")
        self._config.set_main_option("version_locations", "\n".join(map(str, versions)).replace("%", "%%"))
        self.steps = _steps(ScriptDirectory.from_config(self._config))

    @property
    def newest(self) -> str:
        """The newest revision that this release knows."""
        return self.steps[-1].revision

    def migrate(self) -> Outcome:
        """Apply what is missing; safe with others doing the same. A newer schema is left as it is.

        :raises StorageError: it cannot be reached, is not ours, or others would not let go.
        """
        with self._alone() as connection:
            before = self._state(connection).revision
            missing = self._missing(before)
            kept = None
            if missing and snapshot.has_content(connection):
                connection.rollback()
                kept = snapshot.take(connection, *self._place, before)
            connection.rollback()
            self._upgrade(connection, missing)
            return Outcome(before, max(before, self.newest), kept)

    def plan(self) -> tuple[State, tuple[Step, ...]]:
        """What there is, and what `migrate` would apply. Changes nothing."""
        if self.file is not None and not self.file.exists():
            return State(NONE, NONE), self.steps
        with self._connection(create=False) as connection:
            state = self._state(connection)
            return state, self._missing(state.revision)

    def restore(self, file: Path) -> Outcome:
        """Put a snapshot in the place of everything there is, of which a snapshot is taken first.

        Nothing should be serving meanwhile. Done again if it breaks off.

        :raises Unusable: the file is not a whole snapshot, or of a release newer than this one.
        """
        wanted = snapshot.verify(file)
        if wanted > self.newest:
            raise Unusable(f"{file} is at schema {wanted}, newer than this release's {self.newest}")
        with self._alone() as connection:
            before = self._state(connection).revision
            if before > self.newest:
                raise Unusable(f"the schema is at {before}: restore with the release that made it")
            connection.rollback()
            kept = None
            if snapshot.has_content(connection):
                connection.rollback()
                # Not among the newest three of these: the file to restore may be one of them.
                kept = snapshot.take(connection, *self._place, before, keep=None)
            connection.rollback()
            snapshot.drop_tables(connection)
            self._upgrade(connection, tuple(step for step in self.steps if step.revision <= wanted))
            snapshot.load(connection, file)
            return Outcome(before, wanted, kept)

    def _missing(self, revision: str) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.revision > revision)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Connection]:
        with self._connection(create=True) as connection, turn.taken(connection, self.file, wait=self.wait):
            if self.file is not None:
                # Readers and the writer of two containers do not block each other; the file remembers it.
                # That needs the file for itself for a moment, for which SQLite does not wait by its timeout.
                _patiently(lambda: pragma(connection, "journal_mode = WAL"), pause=0.05)
            yield connection.execution_options(**{WRITES: True})

    @contextlib.contextmanager
    def _connection(self, *, create: bool) -> Iterator[Connection]:
        """Connected, once the database is there."""
        if self.file is not None and not self.file.parent.is_dir():
            raise Unusable(f"the folder {self.file.parent} does not exist: create or mount it")
        engine = make_engine(self.url, MIGRATING, create=create, foreign_keys=False)
        try:
            with self._reached(engine) as connection, _mapping():
                yield connection
        finally:
            engine.dispose()

    def _reached(self, engine: Engine) -> Connection:
        until = time.monotonic() + self.wait
        while True:
            try:
                with _mapping():
                    return engine.connect()
            except Lost:
                if time.monotonic() > until:
                    raise
            time.sleep(0.5)

    def _state(self, connection: Connection) -> State:
        state = compatibility.state(connection)
        if state.revision == NONE:
            tables = set(inspect(connection).get_table_names())
            if "interview" in tables and "alembic_version" not in tables:
                raise Unusable(
                    "it was made by a preview that was never released, and cannot be taken over: "
                    f"move it away (mv {self.name} {self.name}.preview), then migrate again"
                )
        return state

    def _upgrade(self, connection: Connection, steps: Sequence[Step]) -> None:
        by_revision = {step.revision: step for step in self.steps}

        def applied(*, step: Any, **_: Any) -> None:  # alembic's MigrationInfo
            done = by_revision[step.up_revision_id]
            connection.execute(schema_step.delete().where(schema_step.c.revision == done.revision))
            connection.execute(
                schema_step.insert().values(
                    revision=done.revision,
                    kind=done.kind,
                    minimum=done.minimum,
                    applied_at=time.time_ns() // 1_000_000,
                )
            )
            if connection.dialect.name == "sqlite":
                broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
                if broken:
                    raise Unusable(
                        f"{done.revision} would leave {len(broken)} rows without what they belong to"
                    )

        self._config.attributes.update(connection=connection, applied=applied)
        for step in steps:
            _patiently(partial(self._apply, connection, step), pause=PAUSE)

    def _apply(self, connection: Connection, step: Step) -> None:
        try:
            command.upgrade(self._config, step.revision)
            connection.commit()
        except BaseException:
            with contextlib.suppress(SQLAlchemyError):
                connection.rollback()
            raise


def _steps(scripts: ScriptDirectory) -> tuple[Step, ...]:
    steps: list[Step] = []
    for script in reversed(list(scripts.walk_revisions())):
        steps.append(_step(script, steps[-1].minimum if steps else NONE))
    return tuple(steps)


def _step(script: Script, minimum: str) -> Step:
    kind: str = script.module.kind
    if kind == "contracts":
        minimum = script.module.minimum
    elif kind != "expands":
        raise ValueError(f"{script.path}: kind is {kind!r}, neither expands nor contracts")
    return Step(script.revision, (script.doc or "").rstrip("."), kind, minimum)


def _patiently(work: Callable[[], object], *, pause: float) -> None:
    """Again where others hold a lock."""
    for number in range(TRIES):
        try:
            with _mapping():
                work()
                return
        except Busy:
            if number == TRIES - 1:
                raise
            time.sleep(pause)


@contextlib.contextmanager
def _mapping() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        if ours := mapped(error):
            raise ours from error
        raise
