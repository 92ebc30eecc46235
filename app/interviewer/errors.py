"""Why an interviewer could not do its work: one class for each thing that somebody can do about it."""

from __future__ import annotations


class ModelError(Exception):
    """The root; `code` names the sentences in `app.messages`, `values` what they mention.

    No secrets, no data.
    """

    code = "model-failed"
    retryable = True
    """Whether the same request may succeed later without anybody's doing."""

    def __init__(self, **values: object) -> None:
        super().__init__(f"{self.code}: {values}" if values else self.code)
        self.values = values


class QuotaExhausted(ModelError):
    """No more requests now. `retry_after`: seconds; `per_day`: only a new day helps."""

    code = "model-quota"

    def __init__(self, retry_after: float, *, per_day: bool = False) -> None:
        super().__init__(retry_after=round(retry_after), per_day=per_day)
        self.retry_after = retry_after
        self.per_day = per_day


class ModelUnavailable(ModelError):
    """It answers 5xx, or cannot be reached, or its answer broke off."""

    code = "model-unavailable"


class ModelTimeout(ModelError):
    """It took longer than the configured time."""

    code = "model-timeout"


class ModelRetired(ModelError):
    """The model's id is unknown to the service. `values`: `model`, `key` (the setting to change)."""

    code = "model-retired"
    retryable = False


class ModelForbidden(ModelError):
    """The API key is refused. `values`: `key` (the setting to change)."""

    code = "model-forbidden"
    retryable = False


class ModelRejected(ModelError):
    """The request itself is refused, a file that cannot be read for example. `values`: `status` (HTTP)."""

    code = "model-rejected"
    retryable = False


class ModelRefused(ModelError):
    """A safety filter of the model blocked the request or its answer."""

    code = "model-refused"
    retryable = False


class ModelInvalid(ModelError):
    """Its answer was not what was asked for, and neither was that to the one request to repair it."""

    code = "model-invalid"


class CannotHear(ModelError):
    """A spoken answer, to an interviewer that takes written ones only."""

    code = "cannot-hear"
    retryable = False
