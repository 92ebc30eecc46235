"""One secret of the parameter store, for `${ssm:/path}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.aws.account import Account
from deployer.aws.session import client, mapped
from deployer.errors import CloudError

SHORT = {"connect_timeout": 5, "read_timeout": 10, "retries": {"mode": "standard", "max_attempts": 3}}
"""A rollout waits for it, so it does not wait long."""


def parameter(name: str, *, ssm: Any = None) -> str:
    """The value of a parameter, decrypted.

    In the region that AWS's tools take: AWS_REGION, AWS_DEFAULT_REGION or the profile's.

    :param ssm: a client of the store; else one is made.
    :raises LookupError: it cannot be had, with the reason; never with a value.
    """
    region = ""
    try:
        asked = ssm or client("ssm", Account(), **SHORT)
        region = asked.meta.region_name
        with mapped(f"reading parameter {name}"):
            found: Mapping[str, Any] = asked.get_parameter(Name=name, WithDecryption=True)
    except CloudError as error:
        told = (getattr(error.__cause__, "response", None) or {}).get("Error", {})
        if told.get("Code") == "ParameterNotFound":
            raise LookupError(f"is not in the parameter store of {region}") from None
        if "no region is said" in error.message:
            raise LookupError("needs a region: set AWS_REGION") from None
        raise LookupError(f"cannot be read ({error.message})") from None
    return str(found["Parameter"]["Value"])
