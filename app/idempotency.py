"""A POST that is sent again is applied once and answered the same, whichever release gets it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from app.access import digest
from app.problems import Problem


@dataclass(frozen=True)
class Attempt:
    """One sending of a request: what it is about, the client's key, and what was in it.

    :ivar scope: `interviews`, or `answers/<interview>`: a key means something only there.
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
    """What was done the first time. The body holds no token; `salt` makes it again together with the key."""

    interview: str
    status: int
    body: str
    salt: bytes


def recall(db: sqlite3.Connection, attempt: Attempt | None) -> Record | None:
    """What an earlier sending led to; None for the first.

    :raises Problem: 422, the key came with something else.
    """
    if attempt is None:
        return None
    row = db.execute(
        "SELECT fingerprint, interview, status, body, salt FROM idempotency WHERE scope = ? AND key_hash = ?",
        (attempt.scope, digest(attempt.key)),
    ).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != attempt.fingerprint:
        raise Problem(422, "key-reused")
    return Record(row["interview"], row["status"], row["body"], row["salt"])


def remember(db: sqlite3.Connection, attempt: Attempt | None, record: Record) -> None:
    """Keep the outcome in the transaction that has the effect, for as long as the interview is kept."""
    if attempt is not None:
        db.execute(
            "INSERT INTO idempotency (scope, key_hash, fingerprint, interview, salt, status, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                attempt.scope,
                digest(attempt.key),
                attempt.fingerprint,
                record.interview,
                record.salt,
                record.status,
                record.body,
            ),
        )
