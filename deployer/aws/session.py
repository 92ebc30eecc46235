"""The one place that makes clients of AWS's SDK, and that turns what they raise into our errors.

    account = Account(region="ap-northeast-2")
    with mapped("invalidating distribution E2ABC"):
        client("cloudfront", account).create_invalidation(...)

The SDK is imported when a client is made, which takes a third of a second and 40 MB.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from deployer.aws.account import Account
from deployer.aws.refusals import CREDENTIALS, refusal
from deployer.errors import CloudError, CloudUnreachable, CredentialsMissing

ATTEMPTS = 8
"""Tries of one request; the pauses between them double, with chance, up to 20 s."""


def sdk_session() -> Any:
    """A session of botocore, with its usual chain of credentials."""
    import botocore.session

    return botocore.session.get_session()


def client(service: str, account: Account, **settings: Any) -> Any:
    """A client of the SDK, with our retries.

    :param settings: for `botocore.config.Config`, over ours.
    """
    with mapped(f"preparing a client of {service}"):
        import boto3
        from botocore.config import Config

        keys = account.credentials
        config = Config(
            **{
                "retries": {"mode": "standard", "max_attempts": ATTEMPTS},
                "connect_timeout": 10,
                "read_timeout": 60,
                **settings,
            }
        )
        return boto3.session.Session().client(
            service,
            region_name=account.region or None,
            endpoint_url=account.endpoint or None,
            aws_access_key_id=keys.access_key if keys else None,
            aws_secret_access_key=keys.secret_key if keys else None,
            aws_session_token=(keys.token or None) if keys else None,
            config=config,
        )


@contextlib.contextmanager
def mapped(what: str) -> Iterator[None]:
    """Translate whatever the SDK raises while doing `what` into our tree."""
    try:
        from botocore import exceptions as sdk
    except ImportError:
        raise CloudError(
            f"{what}: this needs the package boto3", remedy="pip install 'deployer[aws]' installs it"
        ) from None
    try:
        yield
    except sdk.ClientError as error:
        answer = error.response
        told = answer.get("Error", {})
        metadata = answer.get("ResponseMetadata", {})
        headers = metadata.get("HTTPHeaders", {})
        raise refusal(
            what,
            metadata.get("HTTPStatusCode", 0),
            told.get("Code", ""),
            told.get("Message", ""),
            region=headers.get("x-amz-bucket-region", ""),
        ) from error
    except sdk.NoRegionError as error:
        raise CloudError(f"{what}: no region is said", remedy="set site.region or AWS_REGION") from error
    except (
        sdk.NoCredentialsError,
        sdk.PartialCredentialsError,
        sdk.CredentialRetrievalError,
        sdk.ProfileNotFound,
        sdk.TokenRetrievalError,
        sdk.SSOError,
        sdk.UnauthorizedSSOTokenError,
        sdk.InvalidConfigError,
        sdk.ConfigParseError,
        sdk.RefreshWithMFAUnsupportedError,
    ) as error:
        raise CredentialsMissing(f"{what}: {error}", remedy=CREDENTIALS) from error
    except (sdk.HTTPClientError, sdk.ConnectionError, sdk.MetadataRetrievalError) as error:
        raise CloudUnreachable(
            f"{what}: {error}", remedy="look at the network and at the address; then try again"
        ) from error
    except Exception as error:
        # The packages' exceptions have no root in common.
        if type(error).__module__.partition(".")[0] not in ("boto3", "botocore", "s3transfer"):
            raise
        cause = error.__context__
        if isinstance(cause, sdk.ClientError):  # a transfer that failed hides its reason there
            with mapped(what):
                raise cause from error
        raise CloudError(f"{what}: {error}") from error
