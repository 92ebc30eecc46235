"""What a failure of the model's service means, and for whom: the one mapping for all SDKs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.interviewer.errors import (
    ModelError,
    ModelForbidden,
    ModelRejected,
    ModelRetired,
    ModelTimeout,
    ModelUnavailable,
    QuotaExhausted,
)
from app.interviewer.wire import Failure

MODEL_KEY = "INTERVIEW_MODEL"
KEY_KEY = "INTERVIEW_GEMINI_KEY"
DEFAULT_DELAY = 60.0  # seconds: the window of the limit per minute
LONGEST_DELAY = 3600.0
_REASONS_OF_A_BAD_KEY = {"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "SERVICE_DISABLED", "CONSUMER_INVALID"}


def model_error(failure: Failure, model: str) -> ModelError:
    """The error that tells somebody what to do.

    :param model: the id that was asked for.
    """
    status = failure.status
    if failure.timed_out or status in {408, 499, 504}:
        return ModelTimeout()
    if status is None or status >= 500:
        return ModelUnavailable()
    if status == 429:
        return _quota(failure.error)
    if status == 404:
        return ModelRetired(model=model, key=MODEL_KEY)
    if status in {401, 403} or _is_about_the_key(failure.error):
        return ModelForbidden(key=KEY_KEY)
    return ModelRejected(status=status)


def _quota(error: dict[str, Any]) -> QuotaExhausted:
    """A 429 names every quota that is used up; with the day's among them, waiting a minute is no help."""
    ids = [
        str(violation.get("quotaId", ""))
        for detail in _details(error, "QuotaFailure")
        for violation in _objects(detail.get("violations"))
    ]
    if any("perday" in each.lower() for each in ids):
        return QuotaExhausted(seconds_to_the_next_day(datetime.now(UTC)), per_day=True)
    delays = [_seconds(detail.get("retryDelay")) for detail in _details(error, "RetryInfo")]
    delay = next((each for each in delays if each is not None), DEFAULT_DELAY)
    return QuotaExhausted(max(1.0, min(delay, LONGEST_DELAY)))


def seconds_to_the_next_day(now: datetime) -> float:
    """Until midnight Pacific time, when the quotas of a day begin anew."""
    pacific: tzinfo
    try:
        pacific = ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:  # an image without tzdata: an hour late in summer is better than early
        pacific = timezone(timedelta(hours=-8))
    local = now.astimezone(pacific)
    midnight = datetime(local.year, local.month, local.day, tzinfo=pacific) + timedelta(days=1)
    return max(1.0, (midnight.astimezone(UTC) - now.astimezone(UTC)).total_seconds())


def _is_about_the_key(error: dict[str, Any]) -> bool:
    reasons = {detail.get("reason") for detail in _details(error, "ErrorInfo")}
    if reasons & _REASONS_OF_A_BAD_KEY or error.get("status") == "FAILED_PRECONDITION":
        return True  # the latter: not in this country, or not without billing
    return "api key" in str(error.get("message", "")).lower()


def _details(error: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for detail in _objects(error.get("details")):
        if str(detail.get("@type", "")).endswith(f"google.rpc.{kind}"):
            yield detail


def _objects(value: object) -> Iterator[dict[str, Any]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _seconds(value: object) -> float | None:
    """A protobuf duration: `37s`, `0.5s`."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", value) if isinstance(value, str) else None
    return float(match[1]) if match else None
