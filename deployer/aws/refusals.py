"""What AWS and stores like it refuse with, as our errors; for our own requests and the SDK's alike."""

from __future__ import annotations

from deployer.errors import BucketMissing, CloudError, CloudForbidden, CloudUnreachable, CredentialsMissing

NOT_TAKEN = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "MissingAuthenticationToken",
    "NotSignedUp",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
}
"""Codes that say that the credentials are no good, whatever they were to be used for."""
FORBIDDEN = {
    "AccessDenied",
    "AccessDeniedException",
    "AccountProblem",
    "AllAccessDisabled",
    "Forbidden",
    "UnauthorizedAccess",
    "UnauthorizedOperation",
}
THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
"""Codes that say "later", whatever the status beside them."""
ELSEWHERE = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
"""Codes of a bucket that is in another region than we asked."""

CREDENTIALS = (
    "give the access key, the secret and the session token of whoever deploys (environment, profile or "
    "role); temporary ones may have expired"
)


def answered(error: CloudError) -> tuple[str, str]:
    """Code and message of the answer that an error of ours was made of; empty where there was none."""
    told = (getattr(error.__cause__, "response", None) or {}).get("Error", {})
    return str(told.get("Code", "")), str(told.get("Message", ""))


def refusal(what: str, status: int, code: str, message: str, *, region: str = "") -> CloudError:
    """The error for an answer that says no.

    :param what: what was being done, to which bucket or distribution.
    :param code: the answer's own code, such as AccessDenied; empty where it has none (HEAD).
    :param region: that the bucket is in, where the answer says so.
    """
    said = ": ".join(part for part in (code or f"HTTP {status}", message) if part)
    if region and (code in ELSEWHERE or status == 301):
        return BucketMissing(
            f"{what}: the bucket is in region {region}", remedy=f"set site.region to {region}"
        )
    if code in ELSEWHERE:
        return BucketMissing(
            f"{what}: the bucket is in another region ({said})", remedy="set site.region to the bucket's"
        )
    if code == "NoSuchBucket":
        return BucketMissing(
            f"{what}: there is no such bucket", remedy="create it, or mend site.bucket, site.endpoint"
        )
    if code in NOT_TAKEN:
        return CredentialsMissing(f"{what}: the credentials are not taken ({said})", remedy=CREDENTIALS)
    if code in FORBIDDEN or status in (401, 403):
        return CloudForbidden(
            f"{what}: not allowed ({said})", remedy="give the credentials' user or role the right to do this"
        )
    if status >= 500 or status == 429 or code in THROTTLED:
        return CloudUnreachable(
            f"{what}: nothing but failures, the last one {said}", remedy="try again later"
        )
    return CloudError(f"{what}: {said}")
