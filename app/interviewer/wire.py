"""The seam to a model's service: what is sent to it, what comes back, and how it fails.

An adapter translates between an SDK and these classes and does nothing else; what is asked, how an answer is
read, and what a failure means stands in one place for all of them (`model`, `failures`).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Schema = dict[str, Any]
"""A response schema as the REST API spells it: `{"type": "OBJECT", "properties": {...}, "minItems": 1}`."""


@dataclass(frozen=True)
class ModelConfig:
    """Which model is asked, and how long it may take; times are seconds.

    :param sdk: the name of the package to ask it through.
    :param api_key: without one there is no model: the interviewer is offline.
    :param endpoint: the service's URL without a path; the SDK's own where None.
    :param timeout: of silence: until it is connected, until the first byte, and between two pieces.
    :param total_timeout: for one request with all of its answer; noticed when a piece arrives, so it may be
        passed by one `timeout` at most.
    """

    api_key: str | None = field(default=None, repr=False)
    model: str = "gemini-flash-latest"
    sdk: Literal["google-generativeai", "google-genai"] = "google-generativeai"
    endpoint: str | None = None
    temperature: float = 0.4
    timeout: float = 30.0
    total_timeout: float = 120.0
    max_output_tokens: int = 8192


@dataclass(frozen=True)
class Blob:
    """A file that is sent along: a spoken answer, a scanned resume."""

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Request:
    """One request; `system` holds the rules and nothing that a person wrote, `parts` the data."""

    system: str
    parts: tuple[str | Blob, ...] = field(repr=False)
    schema: Schema


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer.

    :param finish: why it ended, by the service's names (`STOP`, `MAX_TOKENS`, `SAFETY`, ...); empty before.
    :param blocked: why the request was not answered at all (`SAFETY`, ...); empty where it was.
    """

    text: str
    finish: str = ""
    blocked: str = ""


class Failure(Exception):
    """The service refused, or was not there.

    Its text says no more than the status: an error's body may quote what was sent.

    :param status: the HTTP status; None where there was none.
    :param error: the `error` object of the body, as far as there was one.
    :param timed_out: it was silent for too long.
    """

    def __init__(
        self, status: int | None = None, error: dict[str, Any] | None = None, *, timed_out: bool = False
    ) -> None:
        super().__init__(f"HTTP {status}" if status else "timed out" if timed_out else "connection lost")
        self.status = status
        self.error = error or {}
        self.timed_out = timed_out


class Wire(Protocol):
    """How a model is asked through one SDK; used by many threads at once."""

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Send a request, once: nothing is retried. Closing the iterator closes the connection.

        :raises Failure: for whatever goes wrong, without a cause or context that quotes the data.
        """

    def close(self) -> None:
        """Close the connections that are kept for the next request, if there are any."""


def error_object(body: object) -> dict[str, Any]:
    """The `error` of a refusal's body; a streaming method wraps it into an array."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        error = body.get("error", body)
        if isinstance(error, dict):
            return error
    return {}
