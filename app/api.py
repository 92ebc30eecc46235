"""The routes of interviews: HTTP in, use case, HTTP out."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request, url_for

from app import forms
from app.idempotency import Attempt
from app.interviews import Interviews, Outcome
from app.languages import Language, preferred
from app.problems import Problem


def blueprint(interviews: Interviews, default_language: Language) -> Blueprint:
    """`/api/interviews` and what is below it."""
    api = Blueprint("interviews", __name__, url_prefix="/api/interviews")

    @api.post("")
    def create() -> Response:
        document = _document()
        brief = forms.brief(document, preferred(request.accept_languages, default_language))
        outcome = interviews.create(brief, _attempt("interviews", document))
        response = _posted(outcome, brief.language)
        response.headers["Location"] = url_for("interviews.show", identifier=outcome.document["id"])
        return response

    @api.get("/<identifier>")
    def show(identifier: str) -> Response:
        document = interviews.get(identifier, _token())
        response = jsonify(document)
        response.headers["Content-Language"] = document["language"]
        return response

    @api.post("/<identifier>/answers")
    def answer(identifier: str) -> Response:
        token = _token()
        language = interviews.language(identifier, token)
        document = _document()
        question, text = forms.answer(document, language)
        outcome = interviews.answer(
            identifier, token, question, text, _attempt(f"answers/{identifier}", document)
        )
        return _posted(outcome, language)

    @api.delete("/<identifier>")
    def delete(identifier: str) -> Response:
        interviews.delete(identifier, _token())
        return Response(status=204)

    return api


def _token() -> str:
    """The bearer token; without one the answer is the same for every interview, real or not."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise Problem(401, "unauthorized", headers={"WWW-Authenticate": "Bearer"})
    return authorization.token


def _document() -> dict[str, object]:
    if request.mimetype != "application/json":
        raise Problem(415, "unsupported-media-type")
    body = request.get_data()
    limit = request.max_content_length
    if request.content_length is None and len(body) == limit:  # sent in chunks, and cut off at the limit
        raise Problem(413, "too-large", limit=limit)
    return forms.parse(body)


def _attempt(scope: str, document: dict[str, object]) -> Attempt | None:
    key = forms.idempotency_key(request.headers.get("Idempotency-Key"))
    return None if key is None else Attempt(scope, key, document)


def _posted(outcome: Outcome, language: Language) -> Response:
    response = jsonify(outcome.document)
    response.status_code = outcome.status
    response.headers["Content-Language"] = language
    if outcome.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
