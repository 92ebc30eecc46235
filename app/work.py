"""What a task's work is: what an interviewer is handed, and what is kept of its result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from app.clock import now
from app.documents import (
    answer_document,
    feedback_of,
    interview_row,
    plan_document,
    question_of,
    report_document,
)
from app.interviewer import (
    Assessment,
    Audio,
    Brief,
    Call,
    Interviewer,
    Kind,
    Level,
    Plan,
    Question,
    Report,
    Turn,
)
from app.languages import as_language
from app.storage.tables import answer, interview, question
from app.tasks import Task

Result = Plan | Assessment | Report


class Job:
    """A task with all that its interviewer needs, read from the database before anybody is asked."""

    def __init__(self, db: Connection, task: Task) -> None:
        row = interview_row(db, task.interview)
        if row is None:
            raise LookupError(task.interview)
        self.task = task
        self.brief = brief_of(row)
        self.depth: int = row["depth"]
        self.question: Question | None = None
        self.question_depth = 0
        self.answer: str | Audio = ""
        self.turns: Sequence[Turn] = ()
        if task.kind == "assess":
            found = _turn_row(db, task)
            self.question, self.question_depth = question_of(found), found["depth"]
            self.answer = (
                Audio(found["audio_type"], found["audio"]) if found["audio"] is not None else found["answer"]
            )
        elif task.kind == "report":
            self.turns = _turns(db, task.interview)

    def do(self, interviewer: Interviewer, call: Call) -> Result:
        """Ask the interviewer; no transaction is open. :raises ModelError: it could not."""
        match self.task.kind:
            case "ask":
                return interviewer.ask(self.brief, call)
            case "assess":
                if self.question is None:
                    raise LookupError(self.task.interview)
                follow_up = self.question_depth < self.depth
                return interviewer.assess(self.brief, self.question, self.answer, call, follow_up=follow_up)
            case "report":
                return interviewer.report(self.brief, self.turns, call)

    def keep(self, db: Connection, result: Result) -> dict[str, Any]:
        """Write the result down; the document of the task's `result` event."""
        match result:
            case Plan():
                return self._keep_plan(db, result)
            case Assessment():
                return self._keep_assessment(db, result)
            case Report():
                return self._keep_report(db, result)

    def _keep_plan(self, db: Connection, plan: Plan) -> dict[str, Any]:
        kept = {"summary": plan.summary, "strengths": plan.strengths, "gaps": plan.gaps}
        db.execute(
            update(interview)
            .where(interview.c.id == self.task.interview)
            .values(plan=_json(kept), document=None)
        )
        for number, asked in enumerate(plan.questions, start=1):
            insert_question(db, self.task.interview, number, asked, follows=None, depth=0)
        return plan_document(db, self.task.interview)

    def _keep_assessment(self, db: Connection, result: Assessment) -> dict[str, Any]:
        values: dict[str, Any] = {"feedback": _json(asdict(result.feedback)), "judged_at": now()}
        if result.transcript is not None:
            # The voice is personal, and its words are all that is needed from here on.
            values |= {"text": result.transcript, "audio": None}
        where = (answer.c.interview == self.task.interview, answer.c.question == self.task.subject)
        db.execute(update(answer).where(*where).values(**values))
        if result.follow_up is not None and self.question_depth < self.depth:
            last: int = db.execute(
                select(func.max(question.c.number)).where(question.c.interview == self.task.interview)
            ).scalar_one()
            insert_question(
                db,
                self.task.interview,
                last + 1,
                result.follow_up,
                follows=self.task.subject,
                depth=self.question_depth + 1,
            )
        return answer_document(db, self.task.interview, self.task.subject)

    def _keep_report(self, db: Connection, report: Report) -> dict[str, Any]:
        db.execute(
            update(interview)
            .where(interview.c.id == self.task.interview)
            .values(report=_json(asdict(report)), reported_answers=self.task.subject)
        )
        return report_document(db, self.task.interview)


def brief_of(row: RowMapping) -> Brief:
    """Whom to interview, by the interview's row."""
    plan = json.loads(row["plan"]) if row["plan"] else {}
    return Brief(
        resume=row["resume"],
        role=row["role"],
        level=cast(Level, row["level"]),
        language=as_language(row["language"]) or "en",
        questions=row["questions"],
        kinds=cast(tuple[Kind, ...], tuple(filter(None, row["kinds"].split(",")))),
        persona=row["persona"],
        document=row["document"],
        summary=plan.get("summary", ""),
    )


def insert_question(
    db: Connection, interview_id: str, number: int, asked: Question, *, follows: int | None, depth: int
) -> None:
    """Keep a question."""
    db.execute(
        insert(question).values(
            interview=interview_id,
            number=number,
            kind=asked.kind,
            text=asked.text,
            basis=asked.basis,
            follows=follows,
            depth=depth,
        )
    )


_TURN = (
    question.c.number,
    question.c.kind,
    question.c.text,
    question.c.basis,
    question.c.depth,
    answer.c.text.label("answer"),
    answer.c.audio,
    answer.c.audio_type,
    answer.c.feedback,
)
_ANSWERED = (answer.c.interview == question.c.interview) & (answer.c.question == question.c.number)


def _turn_row(db: Connection, task: Task) -> RowMapping:
    found = (
        db.execute(
            select(*_TURN)
            .join(answer, _ANSWERED)
            .where(question.c.interview == task.interview, question.c.number == task.subject)
        )
        .mappings()
        .one_or_none()
    )
    if found is None:
        raise LookupError(task.interview)
    return found


def _turns(db: Connection, interview_id: str) -> list[Turn]:
    rows = (
        db.execute(
            select(*_TURN)
            .join(answer, _ANSWERED)
            .where(question.c.interview == interview_id, answer.c.feedback.is_not(None))
            .order_by(question.c.number)
        )
        .mappings()
        .all()
    )
    return [Turn(question_of(row), row["answer"], feedback_of(row["feedback"])) for row in rows]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
