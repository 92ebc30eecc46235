"""The interviewer that asks a model: one request for each piece of work, and one to repair its answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from app.interviewer import (
    Assessment,
    Audio,
    Brief,
    Call,
    Plan,
    Question,
    Report,
    Turn,
    prompts,
    schemas,
    validation,
)
from app.interviewer.catalogue import criteria
from app.interviewer.errors import (
    ModelError,
    ModelInvalid,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    QuotaExhausted,
)
from app.interviewer.failures import model_error
from app.interviewer.preview import Preview
from app.interviewer.scores import means
from app.interviewer.texts import joined
from app.interviewer.validation import Invalid
from app.interviewer.wire import Failure, ModelConfig, Request, Wire
from app.languages import Language
from app.messages import say

MOST_CHARACTERS = 50_000  # of an answer; one that goes on and on is cut off
REFUSALS = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY"}
)
"""Why the service stops an answer on purpose; asking again would end the same way."""

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class ModelInterviewer:
    """Asks a model through a wire; keeps nothing between two calls.

    :param wire: the SDK.
    """

    hears = True

    def __init__(self, wire: Wire, config: ModelConfig) -> None:
        self.name = config.model
        self._wire = wire
        self._config = config

    def note(self, language: Language) -> str:
        """That a model of Google reads what is sent, and that it errs."""
        return say("interviewer.model", language, model=self.name)

    def close(self) -> None:
        """Close what is kept open for the next request."""
        self._wire.close()

    def ask(self, brief: Brief, call: Call) -> Plan:
        """Analyse the resume and ask questions on it; a scanned one is read by the model."""
        system, parts = prompts.ask(brief)
        own = joined((brief.resume, brief.role))
        return self._result(
            Request(system, parts, schemas.plan(brief)),
            call,
            lambda: Preview(call.delta, own, (), brief.questions),
            lambda text: validation.plan(text, brief, own),
        )

    def assess(
        self, brief: Brief, question: Question, answer: str | Audio, call: Call, *, follow_up: bool
    ) -> Assessment:
        """Feedback on an answer; a spoken one is written down by the model."""
        system, parts = prompts.assess(brief, question, answer, follow_up=follow_up)
        spoken = isinstance(answer, Audio)
        said = None if isinstance(answer, Audio) else answer
        own = joined((brief.resume, brief.role, said or ""))
        keys = [criterion.key for criterion in criteria(brief.language)]
        return self._result(
            Request(system, parts, schemas.assessment(brief.language, spoken=spoken, follow_up=follow_up)),
            call,
            lambda: Preview(call.delta, own, keys),
            lambda text: validation.assessment(text, brief.language, said, own, follow_up=follow_up),
        )

    def report(self, brief: Brief, turns: Sequence[Turn], call: Call) -> Report:
        """Sum up; the scores are worked out by `scores`.

        :raises ValueError: no turns.
        """
        keys = tuple(mean.criterion for mean in means(turns))
        system, parts = prompts.report(brief, turns)
        own = joined((brief.resume, brief.role, *(turn.answer for turn in turns)))
        return self._result(
            Request(system, parts, schemas.report(keys)),
            call,
            lambda: Preview(call.delta, own, keys),
            lambda text: validation.report(text, turns, own),
        )

    def _result(
        self, request: Request, call: Call, preview: Callable[[], Preview], read: Callable[[str], Result]
    ) -> Result:
        """Ask; where the answer cannot be used, ask once more with what was wrong with it."""
        try:
            return read(self._answer(request, call, preview()))
        except Invalid as invalid:
            faults = invalid.faults
        log.warning("%s: an answer is repaired: %s", self.name, "; ".join(faults))
        call.delta("", "")
        repaired = replace(request, parts=(*request.parts, prompts.repair(faults)))
        try:
            return read(self._answer(repaired, call, preview()))
        except Invalid as invalid:
            faults = invalid.faults
        log.warning("%s: an answer could not be repaired: %s", self.name, "; ".join(faults))
        raise ModelInvalid

    def _answer(self, request: Request, call: Call, preview: Preview) -> str:
        """One request: the whole text of the answer, told piece by piece on the way."""
        call.permit()
        error: ModelError
        try:
            return self._streamed(request, preview)
        except Failure as failure:
            error = model_error(failure, self.name)
        # Outside of the except: nothing that the SDK raised hangs on to what is raised here.
        log.warning("%s: %s", self.name, error)
        if isinstance(error, QuotaExhausted):
            call.pause(error.retry_after, per_day=error.per_day)
        raise error

    def _streamed(self, request: Request, preview: Preview) -> str:
        deadline = time.monotonic() + self._config.total_timeout
        text, finish = "", ""
        with closing(self._wire.stream(request)) as chunks:
            for chunk in chunks:
                if chunk.blocked or chunk.finish in REFUSALS:
                    raise ModelRefused
                text += chunk.text
                finish = chunk.finish or finish
                if len(text) > MOST_CHARACTERS:
                    raise Invalid("/: it is too long")
                preview.feed(chunk.text)
                if time.monotonic() > deadline:
                    raise ModelTimeout
        if not finish:
            raise ModelUnavailable
        if finish != "STOP":
            raise Invalid("/: it was cut off; be briefer")
        return text
