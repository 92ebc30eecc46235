"""Rows as the documents that the API answers with."""

from __future__ import annotations

import json
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, select

from app.clock import shown
from app.interviewer import Feedback, Judgement, Kind, Question
from app.storage.tables import answer, interview, question
from app.tasks import Task, of_interview

Document = dict[str, Any]


def interview_row(db: Connection, identifier: str) -> RowMapping | None:
    """An interview's row; None where there is none."""
    return db.execute(select(interview).where(interview.c.id == identifier)).mappings().one_or_none()


def question_of(row: RowMapping) -> Question:
    """A question as an interviewer knows it."""
    return Question(cast(Kind, row["kind"]), row["text"], row["basis"])


def feedback_of(text: str) -> Feedback:
    """Feedback as it was kept."""
    kept = json.loads(text)
    return Feedback(
        tuple(Judgement(**judgement) for judgement in kept["criteria"]),
        tuple(kept["strengths"]),
        tuple(kept["improvements"]),
        kept["model_answer"],
    )


def interview_document(db: Connection, row: RowMapping) -> Document:
    """The interview with its questions, answers and feedback, and the work that is not done yet."""
    questions = question_documents(db, row["id"])
    tasks = of_interview(db, row["id"])
    return {
        **_head(row, questions, tasks),
        "persona": row["persona"],
        "kinds": [kind for kind in row["kinds"].split(",") if kind],
        "depth": row["depth"],
        "interviewer": row["interviewer"],
        "plan": json.loads(row["plan"]) if row["plan"] else None,
        "questions": questions,
        "report": json.loads(row["report"]) if row["report"] else None,
        "tasks": [task_document(task) for task in tasks if task.state != "done"],
    }


def summary_document(db: Connection, row: RowMapping) -> Document:
    """The interview in a list."""
    questions = question_documents(db, row["id"])
    return {
        **_head(row, questions, of_interview(db, row["id"])),
        "questions": len(questions),
        "answered": sum(item["answer"] is not None for item in questions),
    }


def _head(row: RowMapping, questions: list[Document], tasks: list[Task]) -> Document:
    return {
        "id": row["id"],
        "created_at": shown(row["created_at"]),
        "expires_at": shown(row["expires_at"]),
        "role": row["role"],
        "level": row["level"],
        "language": row["language"],
        "state": state_of(row, questions, tasks),
    }


def state_of(row: RowMapping, questions: list[Document], tasks: list[Task]) -> str:
    """How far it is: preparing, failed (no questions, and none are coming), asking, answered, reported."""
    if row["plan"] is None:
        failed = any(task.kind == "ask" and task.state == "failed" for task in tasks)
        return "failed" if failed else "preparing"
    if any(item["answer"] is None for item in questions):
        return "asking"
    return "reported" if row["report"] else "answered"


def task_document(task: Task) -> Document:
    """A piece of work that is not done: what it is on, and what went wrong."""
    document: Document = {"id": task.id, "kind": task.kind, "subject": task.subject, "state": task.state}
    document["problem"] = task.problem["code"] if task.problem else None
    return document


def question_documents(db: Connection, interview_id: str, number: int | None = None) -> list[Document]:
    """Questions in the order in which they were asked, each with its answer; one of them by its number."""
    where = [question.c.interview == interview_id]
    if number is not None:
        where.append(question.c.number == number)
    rows = (
        db.execute(
            select(
                question.c.number,
                question.c.kind,
                question.c.text,
                question.c.basis,
                question.c.follows,
                answer.c.text.label("answer"),
                answer.c.audio_type,
                answer.c.feedback,
                answer.c.created_at,
            )
            .outerjoin(
                answer,
                (answer.c.interview == question.c.interview) & (answer.c.question == question.c.number),
            )
            .where(*where)
            .order_by(question.c.number)
        )
        .mappings()
        .all()
    )
    return [
        {
            "id": row["number"],
            "kind": row["kind"],
            "text": row["text"],
            "basis": row["basis"],
            "follows": row["follows"],
            "answer": row["created_at"]
            and {
                "text": row["answer"],
                "spoken": row["audio_type"] is not None,
                "feedback": json.loads(row["feedback"]) if row["feedback"] else None,
                "created_at": shown(row["created_at"]),
            },
        }
        for row in rows
    ]


def plan_document(db: Connection, interview_id: str) -> Document:
    """What became of a resume: `{interview, plan, questions}`."""
    plan = db.execute(select(interview.c.plan).where(interview.c.id == interview_id)).scalar_one()
    return {
        "interview": interview_id,
        "plan": json.loads(plan),
        "questions": question_documents(db, interview_id),
    }


def answer_document(db: Connection, interview_id: str, number: int) -> Document:
    """What became of an answer: `{question, text, spoken, feedback, follow_up}`."""
    given = question_documents(db, interview_id, number)[0]["answer"]
    following = db.execute(
        select(question.c.number).where(question.c.interview == interview_id, question.c.follows == number)
    ).scalar_one_or_none()
    follow_up = question_documents(db, interview_id, following)[0] if following else None
    return {
        "question": number,
        "text": given["text"],
        "spoken": given["spoken"],
        "feedback": given["feedback"],
        "follow_up": follow_up,
    }


def report_document(db: Connection, interview_id: str) -> Document:
    """The report, with how many answers it is on."""
    row = db.execute(
        select(interview.c.report, interview.c.reported_answers).where(interview.c.id == interview_id)
    ).one()
    return {"interview": interview_id, "answers": row.reported_answers, **json.loads(row.report)}


def result_document(db: Connection, task: Task) -> Document:
    """What a task that is done led to."""
    match task.kind:
        case "ask":
            return plan_document(db, task.interview)
        case "assess":
            return answer_document(db, task.interview, task.subject)
        case "report":
            return report_document(db, task.interview)
