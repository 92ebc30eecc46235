"""Refusals as problem details (RFC 9457): what happened, where, and what to do, in the caller's language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response

from app.languages import Language
from app.messages import say

TYPE_PREFIX = "urn:interview:problem:"


@dataclass(frozen=True)
class FieldError:
    """One field of a request to correct; the keys are those of `messages`."""

    field: str
    problem: str
    remedy: str
    values: Mapping[str, object]

    def as_dict(self, language: Language) -> dict[str, str]:
        """`{field, problem, remedy}` as sentences."""
        return {
            "field": self.field,
            "problem": say(self.problem, language, **self.values),
            "remedy": say(self.remedy, language, **self.values),
        }


class Problem(Exception):
    """A refusal; raised anywhere, turned into a response at the boundary.

    :param status: the HTTP status.
    :param code: names its sentences in `messages` and ends its `type`.
    :param language: the interview's, where one is known; else the caller's is used.
    :param headers: further response headers.
    :param members: further members of the document, for programs.
    :param values: what its detail mentions; `more` too.
    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        errors: tuple[FieldError, ...] = (),
        language: Language | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
        values: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.errors = errors
        self.language = language
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        self.values = {**(values or {}), **more}

    def response(self, language: Language) -> Response:
        """As `application/problem+json`: `{type, title, status, detail[, errors][, further members]}`."""
        language = self.language or language
        document: dict[str, object] = {
            "type": TYPE_PREFIX + self.code,
            "title": say(self.code, language),
            "status": self.status,
            "detail": say(f"{self.code}.detail", language, **self.values),
            **self.members,
        }
        if self.errors:
            document["errors"] = [error.as_dict(language) for error in self.errors]
        return Response(
            json.dumps(document, ensure_ascii=False),
            status=self.status,
            headers={**self.headers, "Content-Language": language},
            content_type="application/problem+json",
        )


def invalid(*errors: FieldError, language: Language | None = None) -> Problem:
    """A request whose fields are wrong."""
    return Problem(422, "invalid-request", errors=errors, language=language)
