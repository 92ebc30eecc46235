"""A POST that is sent again is applied once and answered the same, whichever release gets it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from app.access import digest
from app.problems import Problem
from app.storage.tables import idempotency


@dataclass(frozen=True)
class Attempt:
    """One sending of a request: what it is about, the client's key, and what was in it.

    :ivar scope: `interviews`, `answers/<interview>` or `report/<interview>`: a key counts only there.
    :ivar content: JSON, with the digests of files in their place.
    """

    scope: str
    key: str
    content: object

    @property
    def fingerprint(self) -> bytes:
        """Tells another request under the same key from the same one sent again."""
        return digest(json.dumps(self.content, sort_keys=True))


@dataclass(frozen=True)
class Record:
    """What the request began: an interview, and work on it. `salt` and the key give its token again."""

    interview: str
    task: str
    salt: bytes


def recall(db: Connection, attempt: Attempt | None) -> Record | None:
    """What an earlier sending led to; None for the first.

    :raises Problem: 422, the key came with something else.
    """
    if attempt is None:
        return None
    row = db.execute(
        select(idempotency).where(
            idempotency.c.scope == attempt.scope, idempotency.c.key_hash == digest(attempt.key)
        )
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != attempt.fingerprint:
        raise Problem(422, "key-reused")
    return Record(row.interview, row.task, row.salt)


def remember(db: Connection, attempt: Attempt | None, record: Record) -> None:
    """Keep it in the transaction that has the effect, for as long as the interview is kept."""
    if attempt is not None:
        db.execute(
            insert(idempotency).values(
                scope=attempt.scope,
                key_hash=digest(attempt.key),
                fingerprint=attempt.fingerprint,
                interview=record.interview,
                task=record.task,
                salt=record.salt,
            )
        )
