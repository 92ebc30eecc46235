"""The account's services that a stack needs, each in its region; a client is made when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from deployer.stack.formation import Formation, Pace

MakeClient = Callable[[str, str], Any]
"""From a service and a region to boto3's client."""


def sdk_client(service: str, region: str) -> Any:
    """AWS's own, with whoever's credentials AWS's tools would use. :raises CloudError: it cannot be made."""
    from deployer.aws.account import Account
    from deployer.aws.session import client

    return client(service, Account(region=region))


class Cloud(Struct):
    """Clients, kept."""

    make: MakeClient = field(default_factory=lambda: sdk_client)
    pace: Pace = field(default_factory=Pace)
    _kept: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str) -> Any:
        """boto3's client of a service."""
        key = (service, region)
        if key not in self._kept:
            self._kept[key] = self.make(service, region)
        return self._kept[key]

    def formation(self, region: str) -> Formation:
        """CloudFormation in a region."""
        return Formation(self.client("cloudformation", region), region, self.pace)
