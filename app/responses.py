"""How the work that a request began is answered: its result, a stream of its making, or where it will be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request, url_for

from app import streams
from app.interviews import Accepted, Interviews
from app.languages import Language, as_language
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

RETRY_AFTER = 5
"""Seconds after which a failure that passes is worth another try."""


class Responses:
    """Answers for accepted work."""

    def __init__(self, interviews: Interviews, runner: Runner, settings: Settings) -> None:
        self._interviews = interviews
        self._hub = runner.hub
        self._interviewer = runner.interviewer
        self._settings = settings

    def respond(self, accepted: Accepted) -> Response:
        """A stream for those who take one; for others the result, when it is there."""
        if accepted.replayed:
            self._interviews.go_on(accepted.task)
        if "text/event-stream" in request.accept_mimetypes.values():
            response = self.stream(accepted, 0)
        else:
            self._let_in(accepted.language)
            streams.wait(self._hub, accepted.task.id, self._settings.plain_wait)
            response = self.result(accepted, 201)
        if accepted.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def stream(self, accepted: Accepted, after: int) -> Response:
        """The events of the work that come after a number."""
        self._let_in(accepted.language)
        response = streams.response(self._hub, accepted.task.id, after=after, greeting=_reference(accepted))
        response.headers["Content-Language"] = accepted.language
        return response

    def result(self, accepted: Accepted, status: int) -> Response:
        """The result, or where it will be.

        :raises Problem: why there is none.
        """
        task, result = self._interviews.result(accepted.task.id)
        if task is None:
            raise Problem(404, "interview-not-found", language=accepted.language)
        if task.state == "failed":
            raise _failed(accepted, task.problem or {})
        if result is None:
            response = jsonify(**_reference(accepted), state=task.state)
            response.status_code = 202
            response.headers["Location"] = url_for(
                "interviews.work", identifier=accepted.interview, task=task.id
            )
            response.headers["Retry-After"] = str(RETRY_AFTER)
        else:
            if task.kind == "ask":
                result = self.introduced(self._interviews.document(accepted.interview))
                result |= {"token": accepted.token} if accepted.token else {}
            response = jsonify(result)
            response.status_code = status
        response.headers["Content-Language"] = accepted.language
        return response

    def introduced(self, document: dict[str, Any]) -> dict[str, Any]:
        """An interview's document, with what is to be known of its interviewer."""
        return {
            **document,
            "interviewer": self.introduction(
                as_language(document["language"]) or "en", document["interviewer"]
            ),
        }

    def introduction(self, language: Language, name: str | None = None) -> dict[str, Any]:
        """Who asks: `{name, hears, note}`. A note only of the one that asks today."""
        today = self._interviewer
        note = today.note(language) if name in (None, today.name) else ""
        return {"name": name or today.name, "hears": today.hears, "note": note}

    def _let_in(self, language: Language) -> None:
        """Who waits takes a thread; some are kept for everybody else."""
        if self._hub.following() >= self._settings.max_following:
            headers = {"Retry-After": str(RETRY_AFTER)}
            raise Problem(503, "too-many-waiting", language=language, headers=headers)


def _failed(accepted: Accepted, problem: Mapping[str, Any]) -> Problem:
    code, values = problem.get("code", "model-unavailable"), problem.get("values", {})
    retry = {"Retry-After": str(values.get("retry_after", RETRY_AFTER))} if problem.get("retryable") else {}
    return Problem(
        STATUS.get(code, 503),
        code,
        language=accepted.language,
        headers=retry,
        members=_reference(accepted),
        values=values,
    )


def _reference(accepted: Accepted) -> dict[str, object]:
    """What is needed to come back to the work; the token only to who made the interview."""
    found: dict[str, object] = {"interview": accepted.interview, "task": accepted.task.id}
    return found if accepted.token is None else {**found, "token": accepted.token}
