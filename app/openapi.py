"""The API's description (OpenAPI 3.1), made from the limits and choices that the code itself checks by."""

from __future__ import annotations

from typing import Any, Literal, get_args

from flask import Blueprint, Response, jsonify, render_template

from app import forms
from app.api import PAGE_POLICY
from app.interviewer import KINDS, Kind, Level
from app.interviewer.catalogue import criteria, personas
from app.languages import Language
from app.responses import STATUS
from app.settings import Settings

Schema = dict[str, Any]
Access = Literal["token", "anybody", "open"]
_SECURITY: dict[Access, list[Schema]] = {
    "token": [{"token": []}],
    "anybody": [{}, {"token": []}],  # with a token something more happens
    "open": [],
}


def blueprint(settings: Settings) -> Blueprint:
    """`/api/openapi.json`, and the same for people at `/api/docs`."""
    pages = Blueprint("openapi", __name__, url_prefix="/api")

    @pages.get("/openapi.json")
    def document() -> Response:
        response = jsonify(describe(settings))
        response.headers["Cache-Control"] = "no-cache"
        return response

    @pages.get("/docs")
    def show() -> Response:
        page = render_template("docs.html", api=describe(settings), methods=("get", "post", "delete"))
        response = Response(page, content_type="text/html; charset=utf-8")
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        return response

    return pages


def describe(settings: Settings) -> Schema:
    """The whole document, with this deployment's limits."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AI mock interviewer",
            "version": settings.version,
            "summary": "Interviews a person on their own resume, in Korean and English.",
            "description": "Work of the interviewer is answered when it is done, or as Server-Sent Events "
            "where `Accept: text/event-stream` is sent. Either way it is written down before it begins: a "
            "request that was cut off is sent again with the same `Idempotency-Key`, or its stream is "
            "taken up again by `GET .../events` with `Last-Event-ID`.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token that came with the interview.",
                }
            },
            "parameters": _parameters(),
        },
    }


def _paths() -> Schema:
    upload = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {
        "/api/options": {
            "get": _operation(
                "options",
                "What can be chosen, in the caller's language",
                {"200": _json("Options")},
                parameters=[_ref("parameters", "language")],
                access="open",
            )
        },
        "/api/interviews": {
            "post": _operation(
                "createInterview",
                "Begin an interview on a resume",
                _work("Interview", 201, "401", "404", "408", "413", "415", "422", "429", "502", "503", "504"),
                parameters=[_ref("parameters", "key")],
                body={
                    "application/json": {"schema": _ref("schemas", "NewInterview")},
                    "multipart/form-data": {"schema": _upload_schema(upload)},
                },
                access="anybody",
                links={
                    name: {"operationId": name, "parameters": {"interview": "$response.body#/id"}}
                    for name in ("showInterview", "answerQuestion", "makeReport", "deleteInterview")
                },
            ),
            "get": _operation(
                "listInterviews",
                "All interviews of the person who holds the token",
                {"200": _json("Interviews"), **_problems("401", "404")},
            ),
            "delete": _operation(
                "deleteInterviews",
                "Delete all of them, with everything that belongs to them",
                {"204": {"description": "Deleted"}, **_problems("401", "404")},
            ),
        },
        "/api/interviews/{interview}": {
            "parameters": [_ref("parameters", "interview")],
            "get": _operation(
                "showInterview",
                "The interview with its questions, answers and feedback",
                {"200": _json("Interview"), **_problems("401", "404")},
            ),
            "delete": _operation(
                "deleteInterview",
                "Delete it, with everything that belongs to it",
                {"204": {"description": "Deleted"}, **_problems("401", "404")},
            ),
        },
        "/api/interviews/{interview}/answers": {
            "parameters": [_ref("parameters", "interview")],
            "post": _operation(
                "answerQuestion",
                "Answer a question, in writing or as a recording",
                _work(
                    "Answered",
                    201,
                    "401",
                    "404",
                    "408",
                    "409",
                    "413",
                    "415",
                    "422",
                    "429",
                    "502",
                    "503",
                    "504",
                ),
                parameters=[_ref("parameters", "key")],
                body={
                    "application/json": {"schema": _ref("schemas", "NewAnswer")},
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "required": ["question", "audio"],
                            "properties": {"question": _number(forms.NUMBER), "audio": upload},
                        }
                    },
                },
            ),
        },
        "/api/interviews/{interview}/report": {
            "parameters": [_ref("parameters", "interview")],
            "post": _operation(
                "makeReport",
                "Sum up what has been answered so far",
                _work("Report", 201, "401", "404", "408", "409", "413", "422", "429", "502", "503", "504"),
                parameters=[_ref("parameters", "key")],
                body={"application/json": {"schema": {"type": "object", "maxProperties": 0}}},
                body_required=False,
            ),
            "get": _operation(
                "showReport",
                "The report, as JSON or as a page to print",
                {
                    "200": {
                        "description": "The report",
                        "content": {
                            "application/json": {"schema": _ref("schemas", "Report")},
                            "text/html": {"schema": {"type": "string"}},
                        },
                    },
                    **_problems("401", "404"),
                },
            ),
        },
        "/api/interviews/{interview}/tasks/{task}": {
            "parameters": [_ref("parameters", "interview"), _ref("parameters", "task")],
            "get": _operation(
                "showTask",
                "What became of a piece of work",
                {
                    "200": _json("Interview", "Answered", "Report"),
                    "202": _json("Pending"),
                    **_problems("401", "404", "422", "429", "502", "503", "504"),
                },
            ),
        },
        "/api/interviews/{interview}/tasks/{task}/events": {
            "parameters": [_ref("parameters", "interview"), _ref("parameters", "task")],
            "get": _operation(
                "followTask",
                "Its events from where the client lost them; work that failed or waits is taken up again",
                {"200": _STREAM, **_problems("401", "404", "503")},
                parameters=[_ref("parameters", "last")],
            ),
        },
        "/api/version": {
            "get": _operation("version", "Which release this is", {"200": _json("Version")}, access="open")
        },
    }


_STREAM: Schema = {
    "description": "Server-Sent Events: `queued` (place and seconds), `started`, `delta` (a piece of text: "
    "where in the result, and what is added; an empty path: all of it begins anew), `result` (as without "
    "a stream), `error` (code, values), `done`. Those with an id can be asked for again by `Last-Event-ID`.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


def _work(schema: str, status: int, *problems: str) -> Schema:
    done = _json(schema)
    done["content"] |= _STREAM["content"]
    done["description"] += ", or a stream of its making"
    codes = {str(code) for code in STATUS.values()} | {"400", *problems}
    return {
        str(status): done,
        "200": _STREAM,
        "202": _json("Pending"),
        **_problems(*sorted(codes)),
    }


def _operation(
    name: str,
    summary: str,
    responses: Schema,
    *,
    parameters: list[Schema] | None = None,
    body: Schema | None = None,
    body_required: bool = True,
    access: Access = "token",
    links: Schema | None = None,
) -> Schema:
    found: Schema = {"operationId": name, "summary": summary}
    if parameters:
        found["parameters"] = parameters
    if body:
        found["requestBody"] = {"required": body_required, "content": body}
    found["responses"] = {**responses, **_problems("403", "429", "503")}
    for response in found["responses"].values():
        response.setdefault("headers", {"X-Request-ID": {"schema": {"type": "string"}}})
    if links:
        found["responses"]["201"]["links"] = links
    found["security"] = _SECURITY[access]
    return found


def _problems(*codes: str) -> Schema:
    return {
        code: {
            "description": "A problem: what happened, and what to do",
            "content": {"application/problem+json": {"schema": _ref("schemas", "Problem")}},
        }
        for code in codes
    }


def _json(*schemas: str) -> Schema:
    references = [_ref("schemas", name) for name in schemas]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"description": " or ".join(schemas), "content": {"application/json": {"schema": schema}}}


def _parameters() -> Schema:
    hexadecimal = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
    return {
        "interview": {"name": "interview", "in": "path", "required": True, "schema": hexadecimal},
        "task": {"name": "task", "in": "path", "required": True, "schema": hexadecimal},
        "language": {
            "name": "language",
            "in": "query",
            "schema": {"enum": list(get_args(Language))},
            "description": "Instead of Accept-Language",
        },
        "key": {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {
                "type": "string",
                "pattern": "^[!-~]+$",
                "minLength": forms.IDEMPOTENCY_KEY[0],
                "maxLength": forms.IDEMPOTENCY_KEY[1],
            },
            "description": "Random; the same when a request is sent again, which is then applied once",
        },
        "last": {
            "name": "Last-Event-ID",
            "in": "header",
            "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
            "description": "The id of the last event that arrived",
        },
    }


def _upload_schema(upload: Schema) -> Schema:
    properties = dict(_new_interview()["properties"])
    properties |= {
        "resume": {**upload, "description": "PDF, DOCX, HWPX, text or Markdown"},
        "consent": {"enum": ["true"]},
        "kinds": {"type": "string", "description": "Separated by commas"},
    }
    return {"type": "object", "required": ["resume", "role", "consent"], "properties": properties}


def _new_interview() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["resume", "role", "consent"],
        "properties": {
            "resume": _text(forms.RESUME),
            "role": _text(forms.ROLE),
            "level": {"enum": list(get_args(Level))},
            "language": {"enum": list(get_args(Language))},
            "questions": _number(forms.QUESTIONS),
            "kinds": {"type": "array", "items": {"enum": list(KINDS)}},
            "persona": {"enum": [persona.key for persona in personas("en")]},
            "follow_ups": _number(forms.FOLLOW_UPS),
            "consent": {"const": True, "description": "That the resume is stored, and sent to the model"},
        },
    }


def _schemas() -> Schema:
    text, count, time = (
        {"type": "string"},
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": "date-time"},
    )
    texts = {"type": "array", "items": text}
    question_number = {"type": "integer", "minimum": 1}
    judgement = _object(
        criterion={"enum": [criterion.key for criterion in criteria("en")]},
        title=text,
        score={"type": "integer", "minimum": 1, "maximum": 5},
        comment=text,
        evidence=_maybe(text),
    )
    summary: Schema = {
        "id": text,
        "created_at": time,
        "expires_at": time,
        "role": text,
        "level": {"enum": list(get_args(Level))},
        "language": {"enum": list(get_args(Language))},
        "state": {"enum": ["preparing", "failed", "asking", "answered", "reported"]},
    }
    return {
        "NewInterview": _new_interview(),
        "NewAnswer": {
            "type": "object",
            "additionalProperties": False,
            "required": ["question", "text"],
            "properties": {"question": _number(forms.NUMBER), "text": _text(forms.ANSWER)},
        },
        "Judgement": judgement,
        "Feedback": _object(
            criteria={"type": "array", "items": _ref("schemas", "Judgement")},
            strengths=texts,
            improvements=texts,
            model_answer=text,
        ),
        "Answer": _object(
            text=_maybe(text),
            spoken={"type": "boolean"},
            feedback=_maybe(_ref("schemas", "Feedback")),
            created_at=time,
        ),
        "Question": _object(
            id=question_number,
            kind={"enum": list(get_args(Kind))},
            text=text,
            basis=_maybe(text),
            follows=_maybe(question_number),
            answer=_maybe(_ref("schemas", "Answer")),
        ),
        "Interviewer": _object(name=text, hears={"type": "boolean"}, note=text),
        "Task": _object(
            id=text,
            kind={"enum": ["ask", "assess", "report"]},
            subject=count,
            state={"enum": ["waiting", "running", "parked", "failed"]},
            problem=_maybe(text),
        ),
        "Interview": {
            **_object(
                **summary,
                persona=text,
                kinds={"type": "array", "items": {"enum": list(KINDS)}},
                depth=count,
                interviewer=_ref("schemas", "Interviewer"),
                plan=_maybe(_object(summary=text, strengths=texts, gaps=texts)),
                questions={"type": "array", "items": _ref("schemas", "Question")},
                report=_maybe({"type": "object"}),
                tasks={"type": "array", "items": _ref("schemas", "Task")},
            ),
            "description": "`token` is there in the answer to the request that made it, sent again too.",
        },
        "Interviews": _object(
            interviews={"type": "array", "items": _object(**summary, questions=count, answered=count)}
        ),
        "Answered": _object(
            question=question_number,
            text=text,
            spoken={"type": "boolean"},
            feedback=_ref("schemas", "Feedback"),
            follow_up=_maybe(_ref("schemas", "Question")),
        ),
        "Report": _object(
            interview=text,
            answers=count,
            overall={"type": "integer", "minimum": 0, "maximum": 100},
            summary=text,
            criteria={"type": "array", "items": _ref("schemas", "Judgement")},
            strengths=texts,
            advice=texts,
        ),
        "Pending": _object(
            interview=text, task=text, state={"enum": ["waiting", "running", "parked", "done", "failed"]}
        ),
        "Options": _object(
            levels=texts,
            languages=texts,
            kinds=texts,
            questions=_RANGE,
            follow_ups=_RANGE,
            resume=_RANGE,
            answer=_RANGE,
            personas={"type": "array", "items": _object(key=text, title=text, description=text)},
            criteria={"type": "array", "items": _object(key=text, title=text, scores=texts)},
            interviewer=_ref("schemas", "Interviewer"),
            limits=_object(resume_bytes=count, audio_bytes=count, retention_days=count),
        ),
        "Version": _object(version=text, git_sha=text, built_at=text, instance=text),
        "Problem": {
            **_object(type=text, title=text, status={"type": "integer"}, detail=text),
            "properties": {
                "type": {"type": "string", "description": "`urn:interview:problem:` and the problem's code"},
                "title": text,
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "What to do about it"},
                "errors": {"type": "array", "items": _object(field=text, problem=text, remedy=text)},
                "interview": text,
                "task": text,
                "token": text,
            },
        },
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _text(limits: tuple[int, int]) -> Schema:
    return {"type": "string", "minLength": limits[0], "maxLength": limits[1]}


def _number(limits: tuple[int, int]) -> Schema:
    return {"type": "integer", "minimum": limits[0], "maximum": limits[1]}


_RANGE = _object(low={"type": "integer"}, high={"type": "integer"})


def _ref(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}
