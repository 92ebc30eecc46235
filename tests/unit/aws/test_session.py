"""Whatever the SDK raises is one of our errors."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest

from deployer.aws.account import Account
from deployer.aws.refusals import refusal
from deployer.aws.session import client, mapped
from deployer.errors import (
    BucketMissing,
    CloudError,
    CloudForbidden,
    CloudUnreachable,
    CredentialsMissing,
    DeployerError,
)


def sdk_errors() -> list[type[Exception]]:
    """All exception classes of the SDK."""
    import boto3.exceptions
    import botocore.exceptions
    import s3transfer.exceptions

    modules = (botocore.exceptions, boto3.exceptions, s3transfer.exceptions)
    found = {
        each
        for module in modules
        for each in vars(module).values()
        if inspect.isclass(each)
        and issubclass(each, Exception)
        and not issubclass(each, Warning)
        and each.__module__.split(".")[0] in ("botocore", "boto3", "s3transfer")
    }
    return sorted(found, key=lambda each: f"{each.__module__}.{each.__name__}")


def made(kind: type[Exception]) -> Exception:
    """An exception as the SDK raises it, of which only the class matters here."""
    error = kind.__new__(kind)
    error.args = ("by the test",)
    if hasattr(kind, "MSG_TEMPLATE"):  # ClientError
        error.response = {"Error": {"Code": "Odd"}, "ResponseMetadata": {"HTTPStatusCode": 400}}  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("kind", sdk_errors(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_sdk_is_mapped(kind: type[Exception]) -> None:
    with pytest.raises(CloudError, match=r"^deploying"), mapped("deploying"):
        raise made(kind)


def test_our_own_pass() -> None:
    with pytest.raises(DeployerError, match=r"^ours$"), mapped("deploying"):
        raise DeployerError("ours")


def test_without_the_sdk_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(CloudError, match="boto3") as error:
        client("s3", Account())
    assert "deployer[aws]" in str(error.value.remedy)


@pytest.mark.parametrize(
    ("status", "code", "region", "expected"),
    [
        (403, "AccessDenied", "", CloudForbidden),
        (403, "", "", CloudForbidden),
        (403, "SignatureDoesNotMatch", "", CredentialsMissing),
        (400, "ExpiredToken", "", CredentialsMissing),
        (404, "NoSuchBucket", "", BucketMissing),
        (301, "PermanentRedirect", "eu-west-1", BucketMissing),
        (301, "", "eu-west-1", BucketMissing),
        (400, "AuthorizationHeaderMalformed", "", BucketMissing),
        (503, "SlowDown", "", CloudUnreachable),
        (502, "", "", CloudUnreachable),
        (400, "KeyTooLongError", "", CloudError),
    ],
)
def test_refusals(status: int, code: str, region: str, expected: type[CloudError]) -> None:
    error = refusal("writing a", status, code, "said so", region=region)
    assert type(error) is expected
    assert error.message.startswith("writing a: ")
    assert region in f"{error.message}{error.remedy}"


def test_the_sdks_answer_is_told_as_our_own_would_be() -> None:
    from botocore.exceptions import ClientError

    answer: Any = {
        "Error": {"Code": "PermanentRedirect", "Message": "elsewhere"},
        "ResponseMetadata": {"HTTPStatusCode": 301, "HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}},
    }
    with pytest.raises(BucketMissing) as missing, mapped("writing a"):
        raise ClientError(answer, "PutObject")
    assert missing.value.remedy == "set site.region to eu-west-1"
