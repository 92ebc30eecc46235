"""The status of several hosts."""

from __future__ import annotations

from typing import Any

from deployer.fleet.inventory import Fleet
from deployer.fleet.result import error_of
from deployer.fleet.work import each, reached
from deployer.rollout.status import status


def statuses(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """The status of each host by name (`deployer.rollout.status.status`); an error where it has none."""
    with reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (members, lost):
        found = each(members, lambda member: status(member.engine, member.config))
    by_name = {outcome.host: outcome.value or error_of(outcome.error) for outcome in found}
    by_name |= {outcome.host: error_of(outcome.error) for outcome in lost}
    return {host.name: by_name[host.name] for host in fleet.hosts}
