"""The routes of interviews: HTTP in, use case, HTTP out."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from app import arrival, audio, forms, guard, resumes, uploads
from app.idempotency import Attempt
from app.interviewer import Audio
from app.interviewer.catalogue import criteria, personas
from app.interviews import Accepted, Interviews
from app.languages import Language, as_language, preferred
from app.problems import Problem
from app.responses import Responses
from app.room import RETRY_AFTER, WAIT, Room
from app.settings import Settings

READERS = 1
"""Resumes that a process reads at once: each may take 256 MB, of a container that has 512."""

UPLOADS = 64 * 2**20
"""Bytes of uploaded files that a process holds at once: ten of the largest, in what a reader leaves."""
PIECE = 64 * 1024  # bytes

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
"""The Content-Security-Policy of a page without scripts."""


def blueprint(interviews: Interviews, responses: Responses, settings: Settings) -> Blueprint:
    """`/api/options`, `/api/interviews` and what is below it."""
    api = Blueprint("interviews", __name__, url_prefix="/api")
    _add_options(api, responses, settings)
    largest = max(settings.max_resume, settings.max_audio)
    size = max(UPLOADS, 2 * largest)
    room = Room(size, share=size // 2, wait=WAIT)
    _add_interviews(api, interviews, responses, settings, room)
    _add_answers(api, interviews, responses, settings, room)
    _add_reports(api, interviews, responses, settings)
    _add_tasks(api, interviews, responses)
    return api


def _add_options(api: Blueprint, responses: Responses, settings: Settings) -> None:
    @api.get("/options")
    def options() -> Response:
        asked = as_language(request.args.get("language"))
        language = asked or preferred(request.accept_languages, settings.language)
        known = personas(language)
        response = jsonify(
            **forms.choices(),
            personas=[
                {"key": each.key, "title": each.title, "description": each.description} for each in known
            ],
            criteria=[asdict(each) for each in criteria(language)],
            interviewer=responses.introduction(language),
            limits={
                "resume_bytes": settings.max_resume,
                "audio_bytes": settings.max_audio,
                "retention_days": settings.retention_days,
            },
        )
        response.headers["Content-Language"] = language
        return response


def _add_interviews(
    api: Blueprint, interviews: Interviews, responses: Responses, settings: Settings, room: Room
) -> None:
    def begin() -> Accepted:
        """On its own, so that nothing of a file is held while its work is waited for."""
        fallback = preferred(request.accept_languages, settings.language)
        resume: resumes.Resume | None = None
        with room.entered(guard.address(settings.trusted_hops)) as claim:
            if request.mimetype == "multipart/form-data":
                data, fields = uploads.file_part(request, "resume", settings.max_resume, claim)
                document = forms.from_fields(fields)
                resume = _read(data, settings, as_language(document.get("language")) or fallback)
                content: object = {**document, "resume": _stand_in(data)}
            else:
                document = content = _document(settings.max_body)
            brief, depth = forms.brief(document, fallback, resume)
            holder = _token() if "Authorization" in request.headers else ""
            return interviews.create(brief, depth, holder, _attempt("interviews", content))

    @api.post("/interviews")
    def create() -> Response:
        accepted = begin()
        response = responses.respond(accepted)
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
        response = jsonify(responses.introduced(document))
        response.headers["Content-Language"] = document["language"]
        return response

    @api.delete("/interviews/<identifier>")
    def delete(identifier: str) -> Response:
        interviews.delete(identifier, _token())
        return Response(status=204)


def _add_answers(
    api: Blueprint, interviews: Interviews, responses: Responses, settings: Settings, room: Room
) -> None:
    def keep(identifier: str, token: str) -> Accepted:
        """On its own, as a file's interview is begun."""
        language = interviews.language(identifier, token)
        given: str | Audio
        with room.entered(guard.address(settings.trusted_hops)) as claim:
            if request.mimetype == "multipart/form-data":
                data, fields = uploads.file_part(request, "audio", settings.max_audio, claim)
                question = forms.spoken_answer(forms.from_fields(fields), language)
                media_type = audio.media_type(data)
                if media_type is None:
                    raise Problem(415, "unknown-audio", language=language)
                given = Audio(media_type, data)
                content: object = {"question": question, "audio": _stand_in(data)}
            else:
                content = document = _document(settings.max_body)
                question, given = forms.answer(document, language)
            attempt = _attempt(f"answers/{identifier}", content)
            return interviews.answer(identifier, token, question, given, attempt)

    @api.post("/interviews/<identifier>/answers")
    def answer(identifier: str) -> Response:
        return responses.respond(keep(identifier, _token()))


def _add_reports(api: Blueprint, interviews: Interviews, responses: Responses, settings: Settings) -> None:
    @api.post("/interviews/<identifier>/report")
    def sum_up(identifier: str) -> Response:
        token = _token()
        body = _body(settings.max_body)
        if body and forms.parse(body):
            raise Problem(400, "no-body-wanted")
        return responses.respond(interviews.sum_up(identifier, token, _attempt(f"report/{identifier}", None)))

    @api.get("/interviews/<identifier>/report")
    def report(identifier: str) -> Response:
        document, found = interviews.report(identifier, _token())
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            page = render_template(
                "report.html",
                interview=responses.introduced(document),
                report=found,
                language=document["language"],
            )
            response = Response(page, content_type="text/html; charset=utf-8")
            response.headers["Content-Security-Policy"] = PAGE_POLICY
        else:
            response = jsonify(found)
        response.headers["Content-Language"] = document["language"]
        response.headers["Vary"] = "Accept"
        return response


def _add_tasks(api: Blueprint, interviews: Interviews, responses: Responses) -> None:
    @api.get("/interviews/<identifier>/tasks/<task>")
    def work(identifier: str, task: str) -> Response:
        found, language = interviews.task(identifier, _token(), task)
        return responses.result(Accepted(identifier, found, language), 200)

    @api.get("/interviews/<identifier>/tasks/<task>/events")
    def events(identifier: str, task: str) -> Response:
        found, language = interviews.task(identifier, _token(), task)
        after = forms.event_number(request.headers.get("Last-Event-ID"))
        interviews.go_on(found)
        return responses.stream(Accepted(identifier, found, language), after)


def _stand_in(data: bytes) -> str:
    """For a file in a request's fingerprint: its SHA-256 as text, which is what earlier releases remember.

    In pieces, since all of it as text would take three times the file's memory.
    """
    made = sha256()
    for start in range(0, len(data), PIECE):
        made.update(data[start : start + PIECE].decode("latin-1").encode())
    return made.hexdigest()


def _read(data: bytes, settings: Settings, language: Language) -> resumes.Resume:
    try:
        return resumes.read(data, limits=resumes.Limits(size=settings.max_resume, children=READERS))
    except resumes.ResumeError as error:
        status = {"resume-busy": 503, "resume-too-large": 413, "resume-unknown-format": 415}.get(
            error.code, 422
        )
        headers = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
        raise Problem(status, error.code, language=language, headers=headers, values=error.values) from error


def _token() -> str:
    """The bearer token; without one the answer is the same for every interview, real or not."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise Problem(401, "unauthorized", headers={"WWW-Authenticate": "Bearer"})
    return authorization.token


def _document(limit: int) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise Problem(415, "unsupported-media-type")
    return forms.parse(_body(limit))


def _body(limit: int) -> bytes:
    request.max_content_length = limit
    with arrival.in_time(request, limit):
        body = request.get_data(cache=False)  # it would be held while the work is waited for
    if request.content_length is None and len(body) == limit:  # sent in chunks, and cut off at the limit
        raise Problem(413, "too-large", limit=limit)
    return body


def _attempt(scope: str, content: object) -> Attempt | None:
    key = forms.idempotency_key(request.headers.get("Idempotency-Key"))
    return None if key is None else Attempt(scope, key, content)
