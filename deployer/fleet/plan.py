"""What a rollout on several hosts would do, said before doing it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from deployer.errors import DeployerError, ExitStatus
from deployer.fleet.inventory import Fleet, batches
from deployer.fleet.work import each, reached
from deployer.rollout.plan import RolloutPlan
from deployer.rollout.plan import plan as plan_one


class FleetPlan(Struct, frozen=True):
    """The plan of each host in the order of the batches, or why it has none."""

    batches: tuple[tuple[str, ...], ...]
    hosts: dict[str, RolloutPlan | DeployerError]

    @property
    def exit_status(self) -> ExitStatus:
        """That of the first host on which it would be refused, or which cannot be reached."""
        return next((plan.exit_status for plan in self.hosts.values() if plan.exit_status), ExitStatus.OK)

    def as_dict(self) -> dict[str, Any]:
        return {
            "batches": [list(names) for names in self.batches],
            "hosts": {name: plan.as_dict() for name, plan in self.hosts.items()},
        }

    def text(self) -> str:
        """For a terminal: what all hosts share is said once."""
        lines: list[str] = []
        for number, names in enumerate(self.batches, 1):
            lines.append(f"batch {number} of {len(self.batches)}: {', '.join(names)}")
        told: dict[str, list[str]] = {}
        for name, plan in self.hosts.items():
            said = f"cannot be reached: {plan.message}" if isinstance(plan, DeployerError) else plan.text()
            told.setdefault(said, []).append(name)
        for said, alike in told.items():
            lines += [f"{', '.join(alike)}:", *(f"  {line}" for line in said.splitlines())]
        return "\n".join(lines)


def plan(fleet: Fleet, *, image: str | None = None, strategy: str | None = None) -> FleetPlan:
    """Read every host's situation and say what a rollout would do; nothing is changed."""
    with reached(fleet.config, fleet.hosts, fleet.emit, fleet.environ) as (members, lost):
        found = each(
            members,
            lambda member: plan_one(
                member.engine, member.config, member.environ, image=image, strategy=strategy
            ),
        )
    plans: dict[str, RolloutPlan | DeployerError] = {}
    for outcome in found:
        if outcome.value is not None:
            plans[outcome.host] = outcome.value
        elif outcome.error is not None:
            plans[outcome.host] = outcome.error
    for unreached in lost:
        if unreached.error is not None:
            plans[unreached.host] = unreached.error
    groups = batches(fleet.hosts, fleet.config.rollout.batch)
    names = tuple(tuple(host.name for host in group) for group in groups)
    return FleetPlan(names, {host.name: plans[host.name] for host in fleet.hosts})
