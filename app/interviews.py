"""Interviews: begun, answered, summed up, looked at, deleted.

A request that wants an interviewer's work is written down, with a task, before anybody is asked: from then on
it is accepted, and not lost. The work itself is the runner's.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, RowMapping, and_, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from app import access, idempotency, tasks
from app.clock import now
from app.documents import (
    Document,
    interview_document,
    interview_row,
    report_document,
    result_document,
    summary_document,
)
from app.idempotency import Attempt, Record
from app.interviewer import Audio, Brief
from app.interviewer.errors import CannotHear, QuotaExhausted
from app.languages import Language, as_language
from app.problems import Problem
from app.runner import Runner
from app.storage.errors import StorageError
from app.storage.tables import answer, interview, question
from app.tasks import Task

log = logging.getLogger(__name__)

DAY = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Accepted:
    """Work that a request began, now or when it was sent before.

    :ivar token: of a new interview, else None.
    :ivar replayed: whether an earlier sending had begun it.
    """

    interview: str
    task: Task
    language: Language
    token: str | None = None
    replayed: bool = False


class Interviews:
    """The use cases of the API.

    :param retention: milliseconds after which an interview is deleted by itself.
    :param longest_wait: seconds that a client may be made to wait for its turn at the model.
    :param erase: takes interviews that were deleted out of the database's snapshots; it is told when the
        first of them was begun, in milliseconds.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        retention: int = 30 * DAY,
        longest_wait: float = 60.0,
        erase: Callable[[Collection[str], int], None] = lambda *_: None,
    ) -> None:
        self._runner = runner
        self._database = runner.database
        self._retention = retention
        self._longest_wait = longest_wait
        self._erase = erase

    # -- work ------------------------------------------------------------------

    def create(self, brief: Brief, depth: int, holder_token: str, attempt: Attempt | None) -> Accepted:
        """Keep the resume and have questions asked on it.

        :param depth: how many follow-ups one question may have.
        :param holder_token: the token of another interview, to be listed with it; or empty.
        :raises Problem: 429, too many wait for the model; 404, no interview has that token.
        """
        with self._database.reading() as db:
            if record := idempotency.recall(db, attempt):
                return self._again(db, record, attempt)
            holder = _holder(db, holder_token) if holder_token else None
        identifier, salt = secrets.token_hex(8), access.random_salt()
        token = access.token_from(salt, attempt.key if attempt else None)

        def keep(db: Connection) -> str:
            created = now()
            db.execute(
                insert(interview).values(
                    id=identifier,
                    holder=holder or identifier,
                    token_hash=access.digest(token),
                    created_at=created,
                    expires_at=created + self._retention,
                    consent_at=created,
                    role=brief.role,
                    level=brief.level,
                    language=brief.language,
                    persona=brief.persona,
                    kinds=",".join(brief.kinds),
                    questions=brief.questions,
                    depth=depth,
                    interviewer=self._runner.interviewer.name,
                    resume=brief.resume,
                    document=brief.document,
                )
            )
            return identifier

        accepted = self._begin("ask", 0, attempt, salt, keep, brief.language)
        return accepted if accepted.replayed else replace(accepted, token=token)

    def answer(
        self, identifier: str, token: str, number: int, given: str | Audio, attempt: Attempt | None
    ) -> Accepted:
        """Keep an answer and have it judged.

        :raises Problem: 404, no such interview or question; 409, it has an answer; 422, nobody here can hear.
        """
        with self._database.reading() as db:
            row = authorised(db, identifier, token)
            language = _language(row)
            if record := idempotency.recall(db, attempt):
                return self._again(db, record, attempt)
            _open_question(db, row, number)
        if isinstance(given, Audio) and not self._runner.interviewer.hears:
            raise Problem(422, CannotHear.code, language=language)

        def keep(db: Connection) -> str:
            _open_question(db, authorised(db, identifier, token), number)
            db.execute(
                insert(answer).values(
                    interview=identifier,
                    question=number,
                    text=None if isinstance(given, Audio) else given,
                    audio=given.data if isinstance(given, Audio) else None,
                    audio_type=given.media_type if isinstance(given, Audio) else None,
                    created_at=now(),
                )
            )
            return identifier

        return self._begin("assess", number, attempt, b"", keep, language)

    def sum_up(self, identifier: str, token: str, attempt: Attempt | None) -> Accepted:
        """Have a report made on the answers that are judged; the same answers get the same report.

        :raises Problem: 404 as in `get`; 409, there are no answers, or one is still being judged.
        """
        with self._database.reading() as db:
            row = authorised(db, identifier, token)
            language = _language(row)
            if record := idempotency.recall(db, attempt):
                return self._again(db, record, attempt)
            judged, open_ = _judged(db, identifier)
            if open_:
                raise Problem(409, "answers-pending", language=language)
            if not judged:
                raise Problem(409, "nothing-answered", language=language)
            made = tasks.of(db, identifier, "report", judged)
        if made is not None:
            self._runner.resume(made)
            return Accepted(identifier, made, language, replayed=True)

        def keep(db: Connection) -> str:
            authorised(db, identifier, token)
            return identifier

        return self._begin("report", judged, attempt, b"", keep, language)

    def task(self, identifier: str, token: str, task_id: str) -> tuple[Task, Language]:
        """A piece of the interview's work. :raises Problem: 404, there is none of that id."""
        with self._database.reading() as db:
            row = authorised(db, identifier, token)
            found = tasks.find(db, task_id)
        if found is None or found.interview != identifier:
            raise Problem(404, "task-not-found", language=_language(row))
        return found, _language(row)

    def go_on(self, accepted: Task) -> None:
        """Take a task up again that nobody is at: parked, failed for now, or its process is gone."""
        failed = accepted.state == "failed"
        if failed and not (accepted.problem or {}).get("retryable", True):
            return
        self._runner.resume(accepted)

    def result(self, task_id: str) -> tuple[Task | None, Document | None]:
        """A task as it is now, and what it led to where it is done."""
        with self._database.reading() as db:
            found = tasks.find(db, task_id)
            done = found is not None and found.state == "done"
            return found, result_document(db, found) if found and done else None

    # -- looking, deleting -------------------------------------------------------

    def get(self, identifier: str, token: str) -> Document:
        """The interview with its questions, answers and feedback.

        :raises Problem: 404, it does not exist or the token is another one's; which, is not told.
        """
        with self._database.reading() as db:
            return interview_document(db, authorised(db, identifier, token))

    def document(self, identifier: str) -> Document:
        """The interview, for whoever has just been let at it. :raises Problem: 404, it is gone."""
        with self._database.reading() as db:
            row = interview_row(db, identifier)
            if row is None:
                raise Problem(404, "interview-not-found")
            return interview_document(db, row)

    def language(self, identifier: str, token: str) -> Language:
        """The interview's language. :raises Problem: 404 as in `get`."""
        with self._database.reading() as db:
            return _language(authorised(db, identifier, token))

    def report(self, identifier: str, token: str) -> tuple[Document, Document]:
        """The interview and its report. :raises Problem: 404 as in `get`, or there is no report."""
        with self._database.reading() as db:
            row = authorised(db, identifier, token)
            if row["report"] is None:
                raise Problem(404, "report-not-found", language=_language(row))
            return interview_document(db, row), report_document(db, identifier)

    def list(self, token: str) -> Sequence[Document]:
        """All interviews of the person who holds this token, the newest first. :raises Problem: 404."""
        with self._database.reading() as db:
            return [summary_document(db, row) for row in _of_holder(db, _holder(db, token))]

    def delete(self, identifier: str, token: str) -> None:
        """Delete the interview and all that belongs to it, remembered requests too.

        :raises Problem: 404 as in `get`.
        """
        with self._database.writing() as db:
            begun = authorised(db, identifier, token)["created_at"]
            db.execute(delete(interview).where(interview.c.id == identifier))
        self._runner.cancel(identifier)
        self._leave_no_trace([identifier], begun)

    def delete_all(self, token: str) -> None:
        """Delete all interviews of the person who holds this token. :raises Problem: 404."""
        with self._database.writing() as db:
            holder = _holder(db, token)
            mine = interview.c.holder == holder
            gone = {row.id: row.created_at for row in db.execute(select(interview).where(mine))}
            db.execute(delete(interview).where(mine))
        for identifier in gone:
            self._runner.cancel(identifier)
        self._leave_no_trace(gone, min(gone.values()))

    def _leave_no_trace(self, gone: Collection[str], begun: int) -> None:
        """Neither in snapshots nor in SQLite's log; where readers are in its way, the purge does that."""
        with contextlib.suppress(StorageError):
            self._database.forget()
        try:
            self._erase(gone, begun)
        except StorageError as error:
            log.error("snapshots: %s", error)

    # -- the way of all work -----------------------------------------------------

    def _begin(
        self,
        kind: tasks.Kind,
        subject: int,
        attempt: Attempt | None,
        salt: bytes,
        keep: Callable[[Connection], str],
        language: Language,
    ) -> Accepted:
        """Write a request down together with its task, and hand that to the runner."""
        task_id = tasks.new_id()
        try:
            granted = self._runner.admit(task_id, self._longest_wait)
        except QuotaExhausted as error:
            headers = {"Retry-After": str(max(1, round(error.retry_after)))}
            raise Problem(429, error.code, language=language, headers=headers, values=error.values) from error
        try:
            with self._database.writing() as db:
                if record := idempotency.recall(db, attempt):  # sent twice at once: the other one was first
                    return self._again(db, record, attempt)
                identifier = keep(db)
                made = tasks.create(db, task_id, identifier, kind, subject, self._runner.owner)
                idempotency.remember(db, attempt, Record(identifier, made.id, salt))
        except IntegrityError:
            # Two at once, where the database lets both look before one of them writes.
            with self._database.reading() as db:
                if record := idempotency.recall(db, attempt):
                    return self._again(db, record, attempt)
            raise Problem(409, "sent-twice", language=language) from None
        self._runner.submit(made, granted=granted)
        return Accepted(identifier, made, language)

    def _again(self, db: Connection, record: Record, attempt: Attempt | None) -> Accepted:
        found = tasks.find(db, record.task)
        row = interview_row(db, record.interview)
        if found is None or row is None:  # deleted, and what was remembered of it is going
            raise Problem(404, "interview-not-found")
        token = access.token_from(record.salt, attempt.key if attempt else None) if record.salt else None
        return Accepted(record.interview, found, _language(row), token, replayed=True)


def authorised(db: Connection, identifier: str, token: str) -> RowMapping:
    """The interview's row, for whoever holds its token.

    :raises Problem: 404, whether it does not exist, has expired, or the token is wrong: in one way and time.
    """
    row = interview_row(db, identifier)
    expired = row is not None and row["expires_at"] <= now()
    if not access.matches(token, row["token_hash"] if row and not expired else None) or row is None:
        raise Problem(404, "interview-not-found")
    return row


def _holder(db: Connection, token: str) -> str:
    """Who holds a token. Found by the hash of 256 random bits: the time tells nothing."""
    found: str | None = db.execute(
        select(interview.c.holder).where(
            interview.c.token_hash == access.digest(token), interview.c.expires_at > now()
        )
    ).scalar_one_or_none()
    if found is None:
        raise Problem(404, "interview-not-found")
    return found


def _of_holder(db: Connection, holder: str) -> Iterator[RowMapping]:
    rows = db.execute(
        select(interview)
        .where(interview.c.holder == holder, interview.c.expires_at > now())
        .order_by(interview.c.created_at.desc(), interview.c.id)
    )
    yield from rows.mappings().all()


def _open_question(db: Connection, row: RowMapping, number: int) -> None:
    found = db.execute(
        select(question.c.number, answer.c.question.label("answered"))
        .outerjoin(
            answer, and_(answer.c.interview == question.c.interview, answer.c.question == question.c.number)
        )
        .where(question.c.interview == row["id"], question.c.number == number)
    ).one_or_none()
    if found is None:
        raise Problem(404, "question-not-found", language=_language(row), question=number)
    if found.answered is not None:
        raise Problem(409, "already-answered", language=_language(row), question=number)


def _judged(db: Connection, identifier: str) -> tuple[int, int]:
    """How many answers are judged, and how many are not yet."""
    judged, given = db.execute(
        select(func.count(answer.c.feedback), func.count()).where(answer.c.interview == identifier)
    ).one()
    return judged, given - judged


def _language(row: RowMapping) -> Language:
    return as_language(row["language"]) or "en"
