"""Interviews: begun, answered, looked at, deleted. The interviewer is never asked inside a transaction."""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app import access, idempotency
from app.idempotency import Attempt, Record
from app.interviewer import Brief, Interviewer, Question
from app.languages import Language, as_language
from app.problems import Problem
from app.store import Store

Document = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A response to a POST; `replayed` where it was done by an earlier sending of the same request."""

    status: int
    document: Document
    replayed: bool


class Interviews:
    """The use cases of the API.

    :param store: where interviews are kept.
    :param interviewer: who asks and judges.
    """

    def __init__(self, store: Store, interviewer: Interviewer) -> None:
        self._store = store
        self._interviewer = interviewer

    def create(self, brief: Brief, attempt: Attempt | None) -> Outcome:
        """Ask on the resume and keep the interview; the document holds its token, this once."""
        with self._store.reading() as db:
            if record := idempotency.recall(db, attempt):
                return _created(record, attempt, replayed=True)
        questions = self._interviewer.ask(brief)
        identifier, salt, now = secrets.token_hex(8), access.random_salt(), _now()
        token = access.token_from(salt, attempt.key if attempt else None)
        with self._store.writing() as db:
            if record := idempotency.recall(db, attempt):  # sent twice at once: the other one was first
                return _created(record, attempt, replayed=True)
            db.execute(
                "INSERT INTO interview"
                " (id, token_hash, role, level, language, resume, interviewer, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identifier,
                    access.digest(token),
                    brief.role,
                    brief.level,
                    brief.language,
                    brief.resume,
                    self._interviewer.name,
                    now,
                ),
            )
            for number, question in enumerate(questions, start=1):
                _insert_question(db, identifier, number, question, follows=None)
            document = self._document(db, _row(db, identifier))
            record = Record(identifier, 201, json.dumps(document, ensure_ascii=False), salt)
            idempotency.remember(db, attempt, record)
        return _created(record, attempt, replayed=False)

    def language(self, identifier: str, token: str) -> Language:
        """The interview's language, for whoever holds its token.

        :raises Problem: 404.
        """
        with self._store.reading() as db:
            return _language(_authorised(db, identifier, token))

    def get(self, identifier: str, token: str) -> Document:
        """The interview with its questions, answers and feedback.

        :raises Problem: 404, it does not exist or the token is another one's; which, is not told.
        """
        with self._store.reading() as db:
            return self._document(db, _authorised(db, identifier, token))

    def answer(self, identifier: str, token: str, number: int, text: str, attempt: Attempt | None) -> Outcome:
        """Judge an answer and keep it with its follow-up question.

        :raises Problem: 404 as in `get`, or no such question; 409, it has an answer.
        """
        with self._store.reading() as db:
            row = _authorised(db, identifier, token)
            if record := idempotency.recall(db, attempt):
                return Outcome(record.status, json.loads(record.body), replayed=True)
            question = _open_question(db, row, number)
            brief = _brief(db, row)
        feedback, follow_up = self._interviewer.assess(brief, question, text)
        with self._store.writing() as db:
            row = _authorised(db, identifier, token)  # it may have been deleted meanwhile
            if record := idempotency.recall(db, attempt):
                return Outcome(record.status, json.loads(record.body), replayed=True)
            _open_question(db, row, number)
            db.execute(
                "INSERT INTO answer (interview, question, text, feedback, created_at) VALUES (?, ?, ?, ?, ?)",
                (identifier, number, text, json.dumps(asdict(feedback), ensure_ascii=False), _now()),
            )
            document: Document = {
                "question": number,
                "feedback": asdict(feedback),
                "follow_up": None,
                "interviewer": self._introduction(brief.language),
            }
            if follow_up is not None:
                last = db.execute(
                    "SELECT max(number) FROM question WHERE interview = ?", (identifier,)
                ).fetchone()[0]
                _insert_question(db, identifier, last + 1, follow_up, follows=number)
                document["follow_up"] = {"id": last + 1, **asdict(follow_up), "follows": number}
            record = Record(identifier, 201, json.dumps(document, ensure_ascii=False), salt=b"")
            idempotency.remember(db, attempt, record)
        return Outcome(201, document, replayed=False)

    def delete(self, identifier: str, token: str) -> None:
        """Delete the interview and all that belongs to it, remembered requests too.

        :raises Problem: 404 as in `get`.
        """
        with self._store.writing() as db:
            _authorised(db, identifier, token)
            db.execute("DELETE FROM interview WHERE id = ?", (identifier,))

    def _introduction(self, language: Language) -> Document:
        return {"name": self._interviewer.name, "note": self._interviewer.note(language)}

    def _document(self, db: sqlite3.Connection, row: sqlite3.Row) -> Document:
        rows = db.execute(
            "SELECT q.number, q.kind, q.text, q.basis, q.follows, a.text AS answer, a.feedback, a.created_at"
            " FROM question q LEFT JOIN answer a ON a.interview = q.interview AND a.question = q.number"
            " WHERE q.interview = ? ORDER BY q.number",
            (row["id"],),
        )
        return {
            "id": row["id"],
            "role": row["role"],
            "level": row["level"],
            "language": row["language"],
            "created_at": row["created_at"],
            "interviewer": self._introduction(_language(row)),
            "questions": [
                {
                    "id": q["number"],
                    "kind": q["kind"],
                    "text": q["text"],
                    "basis": q["basis"],
                    "follows": q["follows"],
                    "answer": q["feedback"]
                    and {
                        "text": q["answer"],
                        "feedback": json.loads(q["feedback"]),
                        "created_at": q["created_at"],
                    },
                }
                for q in rows
            ],
        }


def _created(record: Record, attempt: Attempt | None, *, replayed: bool) -> Outcome:
    token = access.token_from(record.salt, attempt.key if attempt else None)
    return Outcome(record.status, {**json.loads(record.body), "token": token}, replayed)


def _row(db: sqlite3.Connection, identifier: str) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM interview WHERE id = ?", (identifier,)).fetchone()
    return row


def _authorised(db: sqlite3.Connection, identifier: str, token: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM interview WHERE id = ?", (identifier,)).fetchone()
    if not access.matches(token, row["token_hash"] if row else None) or row is None:
        raise Problem(404, "interview-not-found")
    return row


def _open_question(db: sqlite3.Connection, row: sqlite3.Row, number: int) -> Question:
    found = db.execute(
        "SELECT q.kind, q.text, q.basis, a.question IS NOT NULL AS answered FROM question q"
        " LEFT JOIN answer a ON a.interview = q.interview AND a.question = q.number"
        " WHERE q.interview = ? AND q.number = ?",
        (row["id"], number),
    ).fetchone()
    if found is None:
        raise Problem(404, "question-not-found", language=_language(row), question=number)
    if found["answered"]:
        raise Problem(409, "already-answered", language=_language(row), question=number)
    return Question(found["kind"], found["text"], found["basis"])


def _brief(db: sqlite3.Connection, row: sqlite3.Row) -> Brief:
    asked = db.execute("SELECT count(*) FROM question WHERE interview = ? AND follows IS NULL", (row["id"],))
    return Brief(row["resume"], row["role"], row["level"], _language(row), asked.fetchone()[0])


def _insert_question(
    db: sqlite3.Connection, interview: str, number: int, question: Question, *, follows: int | None
) -> None:
    db.execute(
        "INSERT INTO question (interview, number, kind, text, basis, follows) VALUES (?, ?, ?, ?, ?, ?)",
        (interview, number, question.kind, question.text, question.basis, follows),
    )


def _language(row: sqlite3.Row) -> Language:
    return as_language(row["language"]) or "en"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
