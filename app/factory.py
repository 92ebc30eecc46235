"""The Flask application, put together from its parts."""

from __future__ import annotations

import logging
from functools import partial

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app import api, guard, health, logs, metrics, openapi, page
from app.interviewer import Interviewer
from app.interviewer.choice import choose
from app.interviewer.wire import ModelConfig
from app.interviews import DAY, Interviews
from app.languages import preferred
from app.problems import Problem
from app.responses import Responses
from app.runner import Runner
from app.settings import Settings
from app.storage import snapshot
from app.storage.beginning import begin
from app.storage.database import Database
from app.storage.errors import StorageError
from app.storage.purge import purge_if_due
from app.storage.quota import Quota

log = logging.getLogger(__name__)

FORM = 65536
"""Bytes of a form beside its file."""


class Json(DefaultJSONProvider):
    """Korean as it is written, and fields in the order in which they are documented."""

    ensure_ascii = False
    sort_keys = False
    compact = True


def build(settings: Settings) -> Flask:
    """An application of its own: several may live in one process."""
    logs.set_up()
    flask = Flask(__name__, static_folder=None)
    flask.json = Json(flask)
    largest = max(settings.max_body, settings.max_resume, settings.max_audio)
    flask.config["MAX_CONTENT_LENGTH"] = largest + FORM
    database = Database(settings.database, threads=settings.threads)
    begin(database)
    interviewer = interviewer_of(settings)
    quota = (
        Quota(database, settings.model, settings.per_minute, settings.per_day)
        if settings.gemini_key
        else None
    )
    snapshots = snapshot.place(database.url, settings.snapshots)

    def clear_away() -> None:
        if purge_if_due(database):
            snapshot.remove_old(*snapshots)

    runner = Runner(database, interviewer, quota, patience=float(settings.max_wait), chore=clear_away)
    interviews = Interviews(
        runner,
        retention=settings.retention_days * DAY,
        longest_wait=float(settings.max_wait),
        erase=partial(snapshot.erase, *snapshots),
    )
    responses = Responses(interviews, runner, settings)
    flask.extensions["runner"] = runner
    flask.extensions["database"] = database
    guard.install(flask, settings)
    metrics.install(flask, runner, settings)
    flask.register_blueprint(health.blueprint(database, settings))
    flask.register_blueprint(api.blueprint(interviews, responses, settings))
    flask.register_blueprint(openapi.blueprint(settings))
    flask.register_blueprint(page.blueprint())
    _refuse_in_problems(flask, settings)
    return flask


def interviewer_of(settings: Settings) -> Interviewer:
    """The interviewer that the settings choose."""
    return choose(
        ModelConfig(
            model=settings.model,
            api_key=settings.gemini_key,
            sdk=settings.sdk,
            endpoint=settings.model_endpoint,
            temperature=settings.temperature,
            timeout=settings.model_timeout,
            total_timeout=2 * settings.model_timeout,
        )
    )


def _refuse_in_problems(flask: Flask, settings: Settings) -> None:
    def respond(problem: Problem) -> Response:
        return problem.response(preferred(request.accept_languages, settings.language))

    flask.register_error_handler(Problem, respond)

    @flask.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        match error:
            case NotFound():
                return respond(Problem(404, "not-found"))
            case MethodNotAllowed():
                allowed = ", ".join(sorted(error.valid_methods or ()))
                return respond(
                    Problem(405, "method-not-allowed", headers={"Allow": allowed}, allowed=allowed)
                )
            case RequestEntityTooLarge():
                return respond(Problem(413, "too-large", limit=request.max_content_length))
        if error.code and error.code < 400:  # a redirect is no problem
            return Response(headers=error.get_headers(), status=error.code)
        if error.code and error.code < 500:
            return respond(Problem(error.code, "bad-request"))
        return respond(Problem(500, "internal-error"))

    @flask.errorhandler(ParseException)
    def unreadable(_: ParseException) -> Response:
        """A body in chunks that are none: the server finds out while it is read."""
        return respond(Problem(400, "bad-request"))

    @flask.errorhandler(StorageError)
    def storage(error: StorageError) -> Response:
        log.error("storage: %s", error)
        return respond(Problem(503, "storage-busy", headers={"Retry-After": "1"}))
