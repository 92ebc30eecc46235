"""Gemini through google-generativeai 0.8: the SDK that was asked for; it is no longer maintained.

It is asked over REST by its generated client, with the same arguments that `GenerativeModel.generate_content`
passes on (`request_options={'retry': None, 'timeout': N}`). Two of that method's habits cannot be had here:
it holds every piece back until the next one is there, and it cannot close a stream.

Two more are worked around. Without `retry=None` it repeats a 503 for ten minutes on its own. And it takes the
body of a refusal for an object, while a streaming method sends an array: the reason is lost in an
AttributeError. So refusals are read from the HTTP response before the SDK sees them.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Generator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.interviewer.wire import Blob, Chunk, Failure, ModelConfig, Request, Schema, error_object

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)
_FIELDS = {"type": "type_", "format": "format_", "minItems": "min_items", "maxItems": "max_items"}
_CONFIGURING = threading.Lock()


class LegacyWire:
    """`Wire` over google-generativeai; the package is imported with the first request."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """See `Wire`."""
        import requests

        responses: Any = None
        failure: Failure | None = None
        try:
            responses = self._client.stream_generate_content(
                self._message(request), retry=None, timeout=self._config.timeout
            )
            for response in responses:
                yield _chunk(response)
        except Failure as refused:
            failure = refused
        except requests.Timeout:
            failure = Failure(timed_out=True)
        except requests.ConnectionError as error:
            # What urllib3 finds while a body is read comes as a ConnectionError, a timeout too.
            failure = Failure(timed_out="Read timed out" in str(error))
        except requests.RequestException:  # broken off in the middle
            failure = Failure()
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises may quote the answer's text
            log.warning("google-generativeai failed with %s", type(error).__name__)
            failure = Failure()
        finally:
            if responses is not None:
                responses.cancel()
        if failure is not None:
            raise Failure(failure.status, failure.error, timed_out=failure.timed_out)

    def close(self) -> None:
        """See `Wire`."""
        if "_client" in vars(self):
            self._client.transport.close()

    @cached_property
    def _client(self) -> Any:
        with _CONFIGURING, warnings.catch_warnings():
            # It says at import that it is no longer supported; docs/decisions says why it is used.
            warnings.simplefilter("ignore")
            import google.generativeai as genai
            from google.ai.generativelanguage_v1beta.services.generative_service.transports.rest import (
                GenerativeServiceRestTransport,
            )
            from google.generativeai.client import get_default_generative_client

            # At DEBUG the generated client would log requests as they are, resume and key included.
            logging.getLogger("google.ai").setLevel(logging.INFO)

            class Transport(GenerativeServiceRestTransport):  # type: ignore[misc]  # the SDK has no types
                def __init__(self, **arguments: Any) -> None:
                    super().__init__(**arguments)
                    self._session.hooks["response"].append(_refuse)

            options = {"api_endpoint": self._config.endpoint} if self._config.endpoint else {}
            genai.configure(api_key=self._config.api_key, transport=Transport, client_options=options)
            return get_default_generative_client()

    def _message(self, request: Request) -> Any:
        from google.generativeai import protos

        parts = [
            {"inline_data": {"mime_type": part.media_type, "data": part.data}}
            if isinstance(part, Blob)
            else {"text": part}
            for part in request.parts
        ]
        return protos.GenerateContentRequest(
            {
                "model": f"models/{self._config.model.removeprefix('models/')}",
                "system_instruction": {"parts": [{"text": request.system}]},
                "contents": [{"role": "user", "parts": parts}],
                "generation_config": {
                    "temperature": self._config.temperature,
                    "max_output_tokens": self._config.max_output_tokens,
                    "response_mime_type": "application/json",
                    "response_schema": _schema(request.schema),
                },
            }
        )


def _refuse(response: requests.Response, **_: object) -> None:
    """Called with every HTTP response, before the SDK."""
    if response.status_code >= 400:
        try:
            body = response.json()
        except (ValueError, OSError):  # requests' exceptions are OSErrors
            body = None
        raise Failure(response.status_code, error_object(body))


def _chunk(response: Any) -> Chunk:
    blocked = response.prompt_feedback.block_reason
    if not response.candidates:
        return Chunk("", blocked=_name(blocked) if blocked else "")
    candidate = response.candidates[0]
    finish = candidate.finish_reason
    text = "".join(part.text for part in candidate.content.parts)
    return Chunk(text, _name(finish) if finish else "", _name(blocked) if blocked else "")


def _name(member: Any) -> str:
    """An enumeration's member; the service knows newer ones, which arrive as bare numbers."""
    return str(getattr(member, "name", member))


def _schema(schema: Schema) -> dict[str, Any]:
    """A response schema in the spelling of the protocol buffers."""
    result = {_FIELDS.get(name, name): value for name, value in schema.items()}
    if "items" in schema:
        result["items"] = _schema(schema["items"])
    if "properties" in schema:
        result["properties"] = {name: _schema(each) for name, each in schema["properties"].items()}
    return result
