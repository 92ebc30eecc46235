"""Gemini through google-genai 3, the successor of google-generativeai. An extra: `pip install .[genai]`."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from functools import cached_property
from typing import Any

from app.interviewer.wire import Blob, Chunk, Failure, ModelConfig, Request, error_object

log = logging.getLogger(__name__)


class GenaiWire:
    """`Wire` over google-genai; the package is imported with the first request."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """See `Wire`."""
        import httpx2
        from google.genai import errors

        failure: Failure | None = None
        try:
            responses = self._client.models.generate_content_stream(
                model=self._config.model, contents=[self._content(request)], config=self._options(request)
            )
            with closing(responses):
                for response in responses:
                    yield _chunk(response)
        except errors.APIError as refused:
            failure = Failure(refused.code, error_object(refused.details))
        except httpx2.TimeoutException:
            failure = Failure(timed_out=True)
        except httpx2.TransportError:
            failure = Failure()
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises may quote the answer's text
            log.warning("google-genai failed with %s", type(error).__name__)
            failure = Failure()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """See `Wire`."""
        if "_http" in vars(self):
            self._http.close()

    @cached_property
    def _http(self) -> Any:
        import httpx2

        return httpx2.Client()

    @cached_property
    def _client(self) -> Any:
        from google import genai
        from google.genai import types

        options = types.HttpOptions(
            base_url=self._config.endpoint,
            api_version="v1beta",  # v1, its default, does not know the aliases of models
            timeout=int(self._config.timeout * 1000),
            httpx_client=self._http,  # given by us, so that it is known whose exceptions there are
        )
        return genai.Client(api_key=self._config.api_key, vertexai=False, http_options=options)

    def _content(self, request: Request) -> Any:
        from google.genai import types

        parts = [
            types.Part.from_bytes(data=part.data, mime_type=part.media_type)
            if isinstance(part, Blob)
            else types.Part.from_text(text=part)
            for part in request.parts
        ]
        return types.Content(role="user", parts=parts)

    def _options(self, request: Request) -> Any:
        from google.genai import types

        return types.GenerateContentConfig(
            system_instruction=request.system,
            temperature=self._config.temperature,
            max_output_tokens=self._config.max_output_tokens,
            response_mime_type="application/json",
            response_schema=types.Schema.model_validate(request.schema),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )


def _chunk(response: Any) -> Chunk:
    feedback = response.prompt_feedback
    blocked = _name(feedback.block_reason) if feedback else ""
    if not response.candidates:
        return Chunk("", blocked=blocked)
    candidate = response.candidates[0]
    parts = (candidate.content.parts if candidate.content else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    return Chunk(text, _name(candidate.finish_reason), blocked)


def _name(member: Any) -> str:
    return "" if member is None else str(member.value)
