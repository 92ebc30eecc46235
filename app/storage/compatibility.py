"""Which schemas a release can run on.

Two releases share one database while they are swapped, and the old one must be able to come back. So a
revision *expands*: it adds what the new release needs and takes nothing away that an older one uses. What
nobody uses any more is taken away by one that *contracts*, a release later; it says the `minimum`: the schema
that a release must have been made for to run on what is left. Every revision leaves a row in `schema_step`.

A release runs on its own schema and on newer ones, unless one of them contracted below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from app.storage.errors import MIGRATE, Unusable, mapped
from app.storage.tables import schema_step

SCHEMA = "0001"
"""What this release was made for: its newest revision. Revisions are numbers of four digits."""
NONE = "0000"
"""An empty database."""


@dataclass(frozen=True)
class State:
    """A database's schema.

    :param revision: the newest applied.
    :param minimum: the lowest that a release must have been made for.
    """

    revision: str
    minimum: str

    def objection(self, release: str = SCHEMA) -> str | None:
        """Why a release made for a schema cannot run on this one, and what to do; None where it can."""
        if self.revision < release:
            return f"the schema is at {self.revision}, {release} is needed: {MIGRATE}"
        if release < self.minimum:
            return (
                f"the schema at {self.revision} has nothing left for releases made for {release}, only for "
                f"{self.minimum} and later: deploy such a release, or restore a snapshot from before"
            )
        return None


def state(connection: Connection) -> State:
    """What the database says of itself. A SELECT of one small table, which no migration changes."""
    try:
        row = connection.execute(
            select(func.max(schema_step.c.revision), func.max(schema_step.c.minimum))
        ).one()
    except DBAPIError as error:
        # No such table: an empty database. Everything else is as bad as it sounds.
        if isinstance(ours := mapped(error), Unusable) and MIGRATE in str(ours):
            return State(NONE, NONE)
        raise
    return State(row[0] or NONE, row[1] or NONE)


def require(connection: Connection) -> None:
    """Refuse a schema that this release cannot run on.

    :raises Unusable: saying what to do.
    """
    if objection := state(connection).objection():
        raise Unusable(objection)
