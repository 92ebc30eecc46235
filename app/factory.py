"""The Flask application, put together from its parts."""

from __future__ import annotations

import logging
import sqlite3

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app import api, health, page, schema
from app.interviewer.offline import OfflineInterviewer
from app.interviews import Interviews
from app.languages import preferred
from app.problems import Problem
from app.settings import Settings
from app.store import Store

log = logging.getLogger(__name__)


class Json(DefaultJSONProvider):
    """Korean as it is written, and fields in the order in which they are documented."""

    ensure_ascii = False
    sort_keys = False
    compact = True


def build(settings: Settings) -> Flask:
    """An application of its own: several may live in one process."""
    flask = Flask(__name__, static_folder=None)
    flask.json = Json(flask)
    flask.config["MAX_CONTENT_LENGTH"] = settings.max_body
    store = Store(settings.database)
    flask.extensions["store"] = store
    _begin_empty_database(settings)
    flask.register_blueprint(health.blueprint(store, settings))
    flask.register_blueprint(api.blueprint(Interviews(store, OfflineInterviewer()), settings.language))
    flask.register_blueprint(page.blueprint())
    _refuse_in_problems(flask, settings)
    flask.after_request(_harden)
    return flask


def _begin_empty_database(settings: Settings) -> None:
    """A first start needs no command; a schema that exists is changed by `python -m app migrate` alone.

    A failure is left to the readiness check, which tells it for as long as it lasts and notices its end.
    """
    try:
        if not settings.database.exists() or settings.database.stat().st_size == 0:
            schema.migrate(settings.database)
    except (sqlite3.Error, OSError) as error:
        log.error("cannot create the database %s: %s", settings.database, error)


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
                return respond(Problem(413, "too-large", limit=settings.max_body))
        if error.code and error.code < 400:  # a redirect is no problem
            return Response(headers=error.get_headers(), status=error.code)
        if error.code and error.code < 500:
            return respond(Problem(error.code, "bad-request"))
        return respond(Problem(500, "internal-error"))

    @flask.errorhandler(sqlite3.OperationalError)
    def storage(error: sqlite3.OperationalError) -> Response:
        log.error("storage: %s", error)
        return respond(Problem(503, "storage-busy", headers={"Retry-After": "1"}))


def _harden(response: Response) -> Response:
    """Answers hold personal data: no cache keeps them, no browser guesses what they are."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response
