"""The tables as this release knows them. They are made and changed by `app.storage.migrations` alone.

Times are whole milliseconds since the epoch, in UTC, but those of the quota, which are microseconds by the
database's clock: processes on several machines compare them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import LONGBLOB, MEDIUMTEXT, VARBINARY

metadata = MetaData()

LONG_TEXT = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
BLOB = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
HASH = LargeBinary(32).with_variant(VARBINARY(32), "mysql", "mariadb")  # a BLOB cannot be in a key
ID = String(32)


def _of_interview() -> Column[str]:
    return Column("interview", ID, ForeignKey("interview.id", ondelete="CASCADE"), nullable=False)


interview = Table(
    "interview",
    metadata,
    Column("id", ID, primary_key=True),
    Column("holder", ID, nullable=False, index=True),  # the same for all interviews of one person
    Column("token_hash", HASH, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),  # when the purge removes it
    Column("consent_at", BigInteger, nullable=False),
    Column("role", String(200), nullable=False),
    Column("level", String(16), nullable=False),
    Column("language", String(2), nullable=False),
    Column("persona", String(32), nullable=False),
    Column("kinds", String(200), nullable=False),  # separated by commas; empty: all
    Column("questions", SmallInteger, nullable=False),
    Column("depth", SmallInteger, nullable=False),  # how many follow-ups one question may have
    Column("interviewer", String(100), nullable=False),
    Column("resume", LONG_TEXT, nullable=False),
    Column("document", BLOB),  # a scanned resume, until it is analysed
    Column("plan", LONG_TEXT),  # {summary, strengths, gaps} as JSON; null until analysed
    Column("report", LONG_TEXT),  # as JSON; null until there is one
    Column("reported_answers", SmallInteger),  # how many answers the report is on
)

question = Table(
    "question",
    metadata,
    Column("interview", ID, ForeignKey("interview.id", ondelete="CASCADE"), primary_key=True),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("text", LONG_TEXT, nullable=False),
    Column("basis", LONG_TEXT),
    Column("follows", SmallInteger),  # the number of the question whose answer it asks on
    Column("depth", SmallInteger, nullable=False),  # 0, or how many follow-ups it comes after
)

answer = Table(
    "answer",
    metadata,
    Column("interview", ID, primary_key=True),
    Column("question", SmallInteger, primary_key=True, autoincrement=False),
    Column("text", LONG_TEXT),  # null for a spoken answer until it is written down
    Column("audio", BLOB),  # until it is written down
    Column("audio_type", String(32)),
    Column("feedback", LONG_TEXT),  # as JSON; null until judged
    Column("created_at", BigInteger, nullable=False),
    Column("judged_at", BigInteger),
    ForeignKeyConstraint(
        ["interview", "question"], ["question.interview", "question.number"], ondelete="CASCADE"
    ),
)

# A piece of work for an interviewer: at most one for each question, answer and report.
task = Table(
    "task",
    metadata,
    Column("id", ID, primary_key=True),
    _of_interview(),
    Column("kind", String(8), nullable=False),  # ask, assess, report
    Column("subject", SmallInteger, nullable=False),  # assess: the question; report: how many answers; ask: 0
    Column("state", String(8), nullable=False),  # waiting, running, parked, done, failed
    Column("owner", String(64)),  # the process that works on it
    Column("lease_until", BigInteger),  # when its owner counts as gone, unless it says otherwise
    Column("attempts", SmallInteger, nullable=False),
    Column("problem", LONG_TEXT),  # {code, values} as JSON, of the last failure
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    UniqueConstraint("interview", "kind", "subject", name="task_subject"),
)

event = Table(
    "event",
    metadata,
    Column("task", ID, ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("type", String(16), nullable=False),
    Column("data", LONG_TEXT, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("key_hash", HASH, primary_key=True),
    Column("fingerprint", HASH, nullable=False),
    _of_interview(),
    Column("task", ID),  # the work that the request began
    Column("salt", HASH, nullable=False),
    Index("idempotency_interview", "interview"),
)

# -- the model's quota, shared by all processes ----------------------------------

quota_slot = Table(
    "quota_slot",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("slot", SmallInteger, primary_key=True, autoincrement=False),
    Column("used_at", BigInteger, nullable=False),  # microseconds by the database's clock
)

quota_day = Table(
    "quota_day",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("day", String(10), primary_key=True),  # 2026-11-22, Pacific time
    Column("used", Integer, nullable=False),
)

quota_pause = Table(
    "quota_pause",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("until", BigInteger, nullable=False),  # microseconds by the database's clock
    Column("per_day", SmallInteger, nullable=False),
)

# Who waits for a slot, in order.
quota_queue = Table(
    "quota_queue",
    metadata,
    Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("model", String(100), nullable=False),
    Column("ticket", ID, nullable=False, unique=True),
    Column("seen_at", BigInteger, nullable=False),  # microseconds; whoever was not seen for long has gone
)

# What each release lets a model be asked, while it is about: the lowest counts.
quota_limit = Table(
    "quota_limit",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("per_minute", SmallInteger, primary_key=True, autoincrement=False),
    Column("seen_at", BigInteger, nullable=False),  # microseconds by the database's clock
)

# -- upkeep ----------------------------------------------------------------------

# What one process does for all, when it is due.
chore = Table(
    "chore",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("due_at", BigInteger, nullable=False),
)

# One row for each migration that was applied: see `app.storage.compatibility`.
schema_step = Table(
    "schema_step",
    metadata,
    Column("revision", String(4), primary_key=True),
    Column("kind", String(9), nullable=False),  # expands, contracts
    Column("minimum", String(4), nullable=False),
    Column("applied_at", BigInteger, nullable=False),
)
