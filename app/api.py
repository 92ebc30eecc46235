"""The routes of interviews: HTTP in, use case, HTTP out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from app import audio, forms, resumes, streams, uploads
from app.access import digest
from app.idempotency import Attempt
from app.interviewer import Audio
from app.interviewer.catalogue import criteria, personas
from app.interviews import Accepted, Interviews
from app.languages import Language, as_language, preferred
from app.problems import Problem
from app.runner import Runner
from app.settings import Settings

STATUS: Mapping[str, int] = {
    "model-quota": 429,
    "model-unavailable": 503,
    "model-timeout": 504,
    "model-retired": 503,
    "model-forbidden": 503,
    "model-rejected": 422,
    "model-refused": 422,
    "model-invalid": 502,
    "cannot-hear": 422,
}
"""The HTTP status of a task's failure."""

RETRY_AFTER = "5"
"""Seconds after which a failure that passes is worth another try."""


def blueprint(interviews: Interviews, runner: Runner, settings: Settings) -> Blueprint:
    """`/api/options`, `/api/interviews` and what is below it."""
    api = Blueprint("interviews", __name__, url_prefix="/api")
    interviewer = runner.interviewer

    def callers_language() -> Language:
        return preferred(request.accept_languages, settings.language)

    def introduced(document: dict[str, Any]) -> dict[str, Any]:
        name = document["interviewer"]
        language = as_language(document["language"]) or "en"
        note = interviewer.note(language) if name == interviewer.name else ""
        return {**document, "interviewer": {"name": name, "hears": interviewer.hears, "note": note}}

    @api.get("/options")
    def options() -> Response:
        language = as_language(request.args.get("language")) or callers_language()
        response = jsonify(
            **forms.choices(),
            personas=[
                {"key": each.key, "title": each.title, "description": each.description}
                for each in personas(language)
            ],
            criteria=[asdict(each) for each in criteria(language)],
            interviewer={
                "name": interviewer.name,
                "hears": interviewer.hears,
                "note": interviewer.note(language),
            },
            limits={
                "resume_bytes": settings.max_resume,
                "audio_bytes": settings.max_audio,
                "retention_days": settings.retention_days,
            },
        )
        response.headers["Content-Language"] = language
        return response

    @api.post("/interviews")
    def create() -> Response:
        fallback = callers_language()
        resume: resumes.Resume | None = None
        if request.mimetype == "multipart/form-data":
            data, fields = uploads.file_part(request, "resume", settings.max_resume)
            document = forms.from_fields(fields)
            language = as_language(document.get("language")) or fallback
            resume = _read(data, settings, language)
            content: object = {**document, "resume": digest_of(data)}
        else:
            document = content = _document(settings.max_body)
        brief, depth = forms.brief(document, fallback, resume)
        accepted = interviews.create(brief, depth, _token(required=False), _attempt("interviews", content))
        response = respond(accepted)
        response.headers["Location"] = url_for("interviews.show", identifier=accepted.interview)
        return response

    @api.get("/interviews")
    def index() -> Response:
        return jsonify(interviews=interviews.list(_token()))

    @api.delete("/interviews")
    def delete_all() -> Response:
        interviews.delete_all(_token())
        return Response(status=204)

    @api.get("/interviews/<identifier>")
    def show(identifier: str) -> Response:
        document = interviews.get(identifier, _token())
        response = jsonify(introduced(document))
        response.headers["Content-Language"] = document["language"]
        return response

    @api.delete("/interviews/<identifier>")
    def delete(identifier: str) -> Response:
        interviews.delete(identifier, _token())
        return Response(status=204)

    @api.post("/interviews/<identifier>/answers")
    def answer(identifier: str) -> Response:
        token = _token()
        language = interviews.language(identifier, token)
        given: str | Audio
        if request.mimetype == "multipart/form-data":
            data, fields = uploads.file_part(request, "audio", settings.max_audio)
            question = forms.spoken_answer(forms.from_fields(fields), language)
            media_type = audio.media_type(data)
            if media_type is None:
                raise Problem(415, "unknown-audio", language=language)
            given = Audio(media_type, data)
            content: object = {"question": question, "audio": digest_of(data)}
        else:
            document = content = _document(settings.max_body)
            question, given = forms.answer(document, language)
        attempt = _attempt(f"answers/{identifier}", content)
        return respond(interviews.answer(identifier, token, question, given, attempt))

    @api.post("/interviews/<identifier>/report")
    def sum_up(identifier: str) -> Response:
        token = _token()
        _nothing(settings.max_body)
        return respond(interviews.sum_up(identifier, token, _attempt(f"report/{identifier}", None)))

    @api.get("/interviews/<identifier>/report")
    def report(identifier: str) -> Response:
        document, found = interviews.report(identifier, _token())
        language = document["language"]
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            page = render_template(
                "report.html",
                interview=introduced(document),
                report=found,
                language=language,
            )
            response = Response(page, content_type="text/html; charset=utf-8")
            response.headers["Content-Security-Policy"] = (
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
            )
        else:
            response = jsonify(found)
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept"
        return response

    @api.get("/interviews/<identifier>/tasks/<task>")
    def work(identifier: str, task: str) -> Response:
        found, language = interviews.task(identifier, _token(), task)
        return answered(Accepted(identifier, found, language))

    @api.get("/interviews/<identifier>/tasks/<task>/events")
    def events(identifier: str, task: str) -> Response:
        found, language = interviews.task(identifier, _token(), task)
        after = forms.event_number(request.headers.get("Last-Event-ID"))
        interviews.go_on(found)
        return streamed(Accepted(identifier, found, language), after)

    # -- how work is answered ----------------------------------------------------

    def respond(accepted: Accepted) -> Response:
        """The result as a stream for those who take one, else when it is there."""
        if accepted.replayed:
            interviews.go_on(accepted.task)
        if "text/event-stream" in request.accept_mimetypes.values():
            response = streamed(accepted, 0)
        else:
            room_for_one_more(accepted.language)
            streams.wait(runner.hub, accepted.task.id, settings.plain_wait)
            response = answered(accepted, status=201)
        if accepted.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def streamed(accepted: Accepted, after: int) -> Response:
        room_for_one_more(accepted.language)
        response = streams.response(
            runner.hub, accepted.task.id, after=after, greeting=reference(accepted)
        )
        response.headers["Content-Language"] = accepted.language
        return response

    def room_for_one_more(language: Language) -> None:
        """Who waits takes a thread; some are kept for everybody else."""
        if runner.hub.following() >= settings.max_following:
            raise Problem(503, "too-many-waiting", language=language, headers={"Retry-After": RETRY_AFTER})

    def answered(accepted: Accepted, status: int = 200) -> Response:
        """The result, why there is none, or where it will be."""
        task, result = interviews.result(accepted.task.id)
        if task is None:
            raise Problem(404, "interview-not-found", language=accepted.language)
        if task.state == "failed":
            raise failed(accepted, task.problem or {})
        if result is None:
            response = jsonify(**reference(accepted), state=task.state)
            response.status_code = 202
            response.headers["Location"] = url_for(
                "interviews.work", identifier=accepted.interview, task=task.id
            )
            response.headers["Retry-After"] = RETRY_AFTER
        elif task.kind == "ask":
            whole = introduced(interviews.document(accepted.interview))
            response = jsonify(whole if accepted.token is None else {**whole, "token": accepted.token})
            response.status_code = status
        else:
            response = jsonify(result)
            response.status_code = status
        response.headers["Content-Language"] = accepted.language
        return response

    def failed(accepted: Accepted, problem: Mapping[str, Any]) -> Problem:
        code = problem.get("code", "model-unavailable")
        headers = {}
        if problem.get("retryable", True):
            headers["Retry-After"] = str(problem.get("values", {}).get("retry_after", RETRY_AFTER))
        return Problem(
            STATUS.get(code, 503),
            code,
            language=accepted.language,
            headers=headers,
            members=reference(accepted),
            **problem.get("values", {}),
        )

    def reference(accepted: Accepted) -> dict[str, object]:
        """What is needed to come back to the work; the token only to who made the interview."""
        found: dict[str, object] = {"interview": accepted.interview, "task": accepted.task.id}
        return found if accepted.token is None else {**found, "token": accepted.token}

    return api


def digest_of(data: bytes) -> str:
    """Stands for a file in a request's fingerprint."""
    return digest(data.decode("latin-1")).hex()


def _read(data: bytes, settings: Settings, language: Language) -> resumes.Resume:
    try:
        return resumes.read(data, limits=resumes.Limits(bytes=settings.max_resume))
    except resumes.ResumeError as error:
        status = 503 if error.code == "resume-busy" else 413 if error.code == "resume-too-large" else 422
        raise Problem(status, error.code, language=language, **error.values) from error


def _token(*, required: bool = True) -> str:
    """The bearer token; without one the answer is the same for every interview, real or not."""
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer" and authorization.token:
        return authorization.token
    if required or authorization is not None:
        raise Problem(401, "unauthorized", headers={"WWW-Authenticate": "Bearer"})
    return ""


def _document(limit: int) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise Problem(415, "unsupported-media-type")
    return forms.parse(_body(limit))


def _nothing(limit: int) -> None:
    """A body that says nothing: none, or an empty JSON object."""
    body = _body(limit)
    if body and forms.parse(body):
        raise Problem(400, "no-body-wanted")


def _body(limit: int) -> bytes:
    request.max_content_length = limit
    body = request.get_data()
    if request.content_length is None and len(body) == limit:  # sent in chunks, and cut off at the limit
        raise Problem(413, "too-large", limit=limit)
    return body


def _attempt(scope: str, content: object) -> Attempt | None:
    key = forms.idempotency_key(request.headers.get("Idempotency-Key"))
    return None if key is None else Attempt(scope, key, content)
