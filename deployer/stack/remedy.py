"""What to do about a resource's reason for failing: those that are met often."""

from __future__ import annotations

import re

_KNOWN: dict[str, str] = {
    r"already exists|AlreadyExists|AlreadyOwnedByYou": "something of this name is there, perhaps from an "
    "attempt before: delete it, or name it in the config as one that exists (docs/stack.md)",
    r"custom-named resource requires replacing": "it has a name of its own, so two cannot be there at once: "
    "give the stack another name, or take the change back",
    r"CNAMEAlreadyExists|already associated with a different resource": "another distribution has this name: "
    "take it off there first",
    r"not authorized to perform|AccessDenied": "give whoever applies the right it names; "
    "docs/stack-operations.md lists them",
    r"[Ll]imit ?[Ee]xceeded|exceeded the (limit|quota)|[Qq]uota|maximum number of": "raise the quota that it "
    "names in Service Quotas, or free something",
    r"not empty|BucketNotEmpty": "empty the bucket; or `deployer infra destroy`, which keeps it",
    r"InsufficientInstanceCapacity|do not have sufficient": "AWS has no such instance there at the moment: "
    "try later, or another type",
    r"Cannot find version|InvalidParameterCombination": "this version or class is not offered in the region",
    r"[Dd]eletion ?[Pp]rotection": "take the protection off in the config (stack.database.protected: false), "
    "apply, and try again",
    r"WaitCondition|[Ff]ailed to receive \d+ resource signal": "the host did not say that it is ready; its "
    "/var/log/cloud-init-output.log says why",
    r"InvalidViewerCertificate|doesn't include a certificate": "the certificate does not cover all the names",
    r"ExpiredToken|token .* expired": "get new credentials, and apply again",
}


def remedy(reason: str) -> str | None:
    """What to do about it; None where nothing sensible can be said."""
    for pattern, advice in _KNOWN.items():
        if re.search(pattern, reason):
            return advice
    return None
