"""Interviews as rows, with something in every table that hangs on one."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection

from app.storage.tables import answer, event, idempotency, interview, question, task

RESUME = "김민지 👩‍💻 ᄒᆞᆫ글 𠮷野家\n- Built the order API"
"""With an emoji, old Hangul and a rare Han character: four bytes each, or several to a letter."""
OWNED = (question, answer, task, event, idempotency)


def interview_row(identifier: str, **changes: Any) -> dict[str, Any]:
    """A row of `interview`."""
    return {
        "id": identifier,
        "holder": secrets.token_hex(8),
        "token_hash": secrets.token_bytes(32),
        "created_at": 1,
        "expires_at": 4_000_000_000_000,
        "consent_at": 1,
        "role": "백엔드 개발자",
        "level": "junior",
        "language": "ko",
        "persona": "friendly",
        "kinds": "",
        "questions": 3,
        "depth": 1,
        "interviewer": "offline",
        "resume": RESUME,
        "document": bytes(range(256)),
    } | changes


def insert_interview(connection: Connection, identifier: str, **changes: Any) -> None:
    """An interview with a question, an answer, a task, an event and a key."""
    connection.execute(interview.insert(), interview_row(identifier, **changes))
    resume = changes.get("resume", RESUME)
    connection.execute(
        question.insert(),
        {"interview": identifier, "number": 1, "kind": "skill", "text": resume, "depth": 0},
    )
    connection.execute(
        answer.insert(), {"interview": identifier, "question": 1, "text": resume, "created_at": 2}
    )
    connection.execute(
        task.insert(),
        {
            "id": f"t{identifier}"[:32],
            "interview": identifier,
            "kind": "assess",
            "subject": 1,
            "state": "done",
            "attempts": 1,
            "created_at": 2,
        },
    )
    connection.execute(
        event.insert(), {"task": f"t{identifier}"[:32], "number": 1, "type": "delta", "data": resume}
    )
    connection.execute(
        idempotency.insert(),
        {
            "scope": "interviews",
            "key_hash": secrets.token_bytes(32),
            "fingerprint": secrets.token_bytes(32),
            "interview": identifier,
            "salt": secrets.token_bytes(32),
        },
    )
