"""A CloudFront distribution: what is left of its quotas, and invalidations that are asked for once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from deployer.aws.account import Account
from deployer.aws.session import client, mapped
from deployer.config.sections.site import Site
from deployer.errors import CloudError
from deployer.site.invalidation import Invalidation, Used

_ATTEMPTS = 6
_FIRST_PAUSE = 1.0
_LOOK = 5.0
_MOST_LOOKED_AT = 60
"""Invalidations of a month whose paths are counted; more than that is rare, and each is a request."""
_BUSY = ("TooManyInvalidationsInProgress", "ServiceUnavailable", "Throttling", "ThrottlingException")

Sleep = Callable[[float], None]


def open_distribution(site: Site, environ: Mapping[str, str]) -> CloudFront | None:
    """The distribution in front of a site; None where the config names none. Nothing is sent yet.

    :raises CredentialsMissing: there are none.
    """
    if site.distribution is None:
        return None
    from deployer.site.s3 import account_of

    # A store that is not AWS's has keys of its own; the distribution is AWS's in any case.
    credentials = None if site.endpoint else account_of(site, environ).credentials
    account = Account(region="us-east-1", credentials=credentials)
    return CloudFront(client("cloudfront", account), site.distribution)


class CloudFront:
    """One distribution.

    :param client: boto3's, for CloudFront.
    """

    def __init__(self, client: Any, distribution: str, sleep: Sleep = time.sleep) -> None:
        self._client = client
        self._id = distribution
        self._what = f"asking distribution {distribution}"
        self._sleep = sleep

    def used(self) -> Used:
        """What of the quotas is taken, as far as this distribution's own invalidations tell.

        The free paths of a month are counted for a whole account: other distributions may have taken more.
        """
        month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        counted = in_progress = wildcards = 0
        for paths, running in self._recent(month):
            counted += len(paths)
            if running:
                in_progress += len(paths)
                wildcards += sum(path.endswith("*") for path in paths)
        return Used(counted, in_progress, wildcards)

    def invalidate(self, wanted: Invalidation, reference: str) -> str:
        """Ask for it, and give the request's id; the old one where the reference was used already.

        :raises CloudError: it is refused, or too busy for longer than we wait.
        """
        batch = {
            "Paths": {"Quantity": len(wanted.paths), "Items": list(wanted.paths)},
            "CallerReference": reference,
        }
        pause = _FIRST_PAUSE
        for attempt in range(_ATTEMPTS):
            try:
                with mapped(self._what):
                    made = self._client.create_invalidation(DistributionId=self._id, InvalidationBatch=batch)
                return str(made["Invalidation"]["Id"])
            except CloudError as error:
                if attempt == _ATTEMPTS - 1 or not any(code in error.message for code in _BUSY):
                    raise
            self._sleep(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def wait(self, request: str, seconds: float) -> bool:
        """Whether the distribution has forgotten everywhere within `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            with mapped(self._what):
                found = self._client.get_invalidation(DistributionId=self._id, Id=request)
            if _is_done(found["Invalidation"]):
                return True
            if time.monotonic() >= deadline:
                return False
            self._sleep(min(_LOOK, max(0.0, deadline - time.monotonic())))

    def _recent(self, since: datetime) -> Iterator[tuple[list[str], bool]]:
        """Paths of each invalidation of a month, and whether it is in progress."""
        summaries: list[Mapping[str, Any]] = []
        with mapped(self._what):
            for page in self._client.get_paginator("list_invalidations").paginate(DistributionId=self._id):
                items = page["InvalidationList"].get("Items", [])
                recent = [each for each in items if each["CreateTime"] >= since]
                summaries += recent
                if len(recent) < len(items) or len(summaries) >= _MOST_LOOKED_AT:
                    break
        summaries = summaries[:_MOST_LOOKED_AT]
        if not summaries:
            return

        def paths(summary: Mapping[str, Any]) -> list[str]:
            with mapped(self._what):
                found = self._client.get_invalidation(DistributionId=self._id, Id=summary["Id"])
            return list(found["Invalidation"]["InvalidationBatch"]["Paths"].get("Items", []))

        with ThreadPoolExecutor(8) as pool:
            for summary, found in zip(summaries, pool.map(paths, summaries), strict=True):
                yield found, not _is_done(summary)


def _is_done(invalidation: Mapping[str, Any]) -> bool:
    return str(invalidation["Status"]).lower() == "completed"
