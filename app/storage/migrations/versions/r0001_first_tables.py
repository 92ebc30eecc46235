"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGBLOB, MEDIUMTEXT, VARBINARY

revision = "0001"
down_revision = None
kind = "expands"

# As they were at this revision: what `app.storage.tables` says today is another matter.
LONG_TEXT = sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
BLOB = sa.LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
HASH = sa.LargeBinary(32).with_variant(VARBINARY(32), "mysql", "mariadb")
ID = sa.String(32)
# Emoji and old Hangul need four bytes a character; ids are told apart by case; rows of any size fit.
OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_row_format": "DYNAMIC",
}


def create(name: str, *items: sa.schema.SchemaItem) -> None:
    """A table, unless an earlier try made it."""
    op.create_table(name, *items, if_not_exists=True, **OPTIONS)


def upgrade() -> None:
    """Create everything."""
    create_interview()
    create_work()
    create_quota()
    create_upkeep()


def create_interview() -> None:
    """What a person brings in and gets out."""
    create(
        "interview",
        sa.Column("id", ID, primary_key=True),
        sa.Column("holder", ID, nullable=False),
        sa.Column("token_hash", HASH, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("consent_at", sa.BigInteger, nullable=False),
        sa.Column("role", sa.String(200), nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("persona", sa.String(32), nullable=False),
        sa.Column("kinds", sa.String(200), nullable=False),
        sa.Column("questions", sa.SmallInteger, nullable=False),
        sa.Column("depth", sa.SmallInteger, nullable=False),
        sa.Column("interviewer", sa.String(100), nullable=False),
        sa.Column("resume", LONG_TEXT, nullable=False),
        sa.Column("document", BLOB),
        sa.Column("plan", LONG_TEXT),
        sa.Column("report", LONG_TEXT),
        sa.Column("reported_answers", sa.SmallInteger),
    )
    op.create_index("ix_interview_holder", "interview", ["holder"], if_not_exists=True)
    op.create_index("ix_interview_expires_at", "interview", ["expires_at"], if_not_exists=True)
    create(
        "question",
        sa.Column("interview", ID, sa.ForeignKey("interview.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", LONG_TEXT, nullable=False),
        sa.Column("basis", LONG_TEXT),
        sa.Column("follows", sa.SmallInteger),
        sa.Column("depth", sa.SmallInteger, nullable=False),
    )
    create(
        "answer",
        sa.Column("interview", ID, primary_key=True),
        sa.Column("question", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("text", LONG_TEXT),
        sa.Column("audio", BLOB),
        sa.Column("audio_type", sa.String(32)),
        sa.Column("feedback", LONG_TEXT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("judged_at", sa.BigInteger),
        sa.ForeignKeyConstraint(
            ["interview", "question"], ["question.interview", "question.number"], ondelete="CASCADE"
        ),
    )


def create_work() -> None:
    """What interviewers are asked to do, what they say meanwhile, and what was sent before."""
    create(
        "task",
        sa.Column("id", ID, primary_key=True),
        sa.Column("interview", ID, sa.ForeignKey("interview.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("subject", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("problem", LONG_TEXT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.UniqueConstraint("interview", "kind", "subject", name="task_subject"),
    )
    create(
        "event",
        sa.Column("task", ID, sa.ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("data", LONG_TEXT, nullable=False),
    )
    create(
        "idempotency",
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("key_hash", HASH, primary_key=True),
        sa.Column("fingerprint", HASH, nullable=False),
        sa.Column("interview", ID, sa.ForeignKey("interview.id", ondelete="CASCADE"), nullable=False),
        sa.Column("task", ID),
        sa.Column("salt", HASH, nullable=False),
    )
    op.create_index("idempotency_interview", "idempotency", ["interview"], if_not_exists=True)


def create_quota() -> None:
    """What all processes share of the model's limits."""
    create(
        "quota_slot",
        sa.Column("model", sa.String(100), primary_key=True),
        sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
    )
    create(
        "quota_day",
        sa.Column("model", sa.String(100), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("used", sa.Integer, nullable=False),
    )
    create(
        "quota_pause",
        sa.Column("model", sa.String(100), primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("per_day", sa.SmallInteger, nullable=False),
    )
    create(
        "quota_queue",
        sa.Column(
            "place",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("ticket", ID, nullable=False, unique=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    create(
        "quota_limit",
        sa.Column("model", sa.String(100), primary_key=True),
        sa.Column("per_minute", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )


def create_upkeep() -> None:
    """What processes do once for all, and what was migrated."""
    create(
        "chore",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
    )
    create(
        "schema_step",
        sa.Column("revision", sa.String(4), primary_key=True),
        sa.Column("kind", sa.String(9), nullable=False),
        sa.Column("minimum", sa.String(4), nullable=False),
        sa.Column("applied_at", sa.BigInteger, nullable=False),
    )
