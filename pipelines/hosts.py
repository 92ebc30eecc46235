"""The back end's last two stages where the config has `hosts`: what `deployer rollout` and `prune` do there.

The image is built on the deployer's own engine (`host.docker`), which is the one beside Jenkins, and each
host is sent the layers that it lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.job import Job
from pipelines.serving import difference
from pipelines.stage import Made, Values

if TYPE_CHECKING:
    from deployer.fleet.inventory import Fleet
    from deployer.fleet.result import FleetResult


def redeploy(job: Job) -> Made:
    """Roll the image out on all hosts, or leave all of them where they were."""
    from deployer.fleet.release import rollout

    return _deployed(rollout(_fleet(job), image=job.values["image"], strategy=job.parameters.strategy))


def go_back(job: Job) -> Made:
    """Bring an earlier release back on all hosts."""
    from deployer.fleet.release import rollback

    return _deployed(rollback(_fleet(job), to=job.parameters.rollback_to))


def no_longer_serves(job: Job, values: Values) -> str:
    """Why the hosts have to be deployed to though nothing has changed here; empty where they need not."""
    from deployer.fleet.status import statuses

    for name, found in statuses(_fleet(job)).items():
        # One that cannot be asked: the rollout says what is wrong with it, and touches nothing.
        reason = found["message"] if "error" in found else difference(job, found, values)
        if reason:
            return f"{name}: {str(reason).removeprefix(f'{name}: ')}"
    return ""


def prune(job: Job) -> Made:
    """Remove old releases and images on each host, and on the engine that builds."""
    from deployer.cli.hosts import raise_failures
    from deployer.fleet.locks import all_reached
    from deployer.fleet.work import each
    from deployer.rollout import commands

    fleet = _fleet(job)
    with all_reached(fleet) as members:
        outcomes = each(members, lambda member: commands.prune(member.operation(fleet.lock_wait)))
    raise_failures("prune", outcomes)
    pruned = [outcome.value for outcome in outcomes if outcome.value] + [commands.prune(job.operation())]
    removed, freed = (sum(len(one.removed) for one in pruned), sum(one.bytes_freed for one in pruned))
    text = f"{removed} image(s) removed here and on {len(members)} host(s), {freed / 1e6:.1f} MB freed"
    return Made({"pruned": removed, "bytes_freed": freed}, text)


def _fleet(job: Job) -> Fleet:
    from deployer.fleet.inventory import Fleet, chosen

    return Fleet(job.config, chosen(job.config), job.emit, job.environ, job.parameters.lock_wait)


def _deployed(result: FleetResult) -> Made:
    """What the reports show: a line for each host in place of the phases of one."""
    previous = {host.get("previous") for host in result.hosts.values()}
    strategy = next((str(host["strategy"]) for host in result.hosts.values() if host.get("strategy")), "")
    values = {
        "release": result.release,
        "previous": previous.pop() if len(previous) == 1 else None,
        "strategy": strategy,
        "phases": [
            {"name": name, "state": f"serves {host.get('serves')}", "seconds": host.get("duration_s", 0.0)}
            for name, host in result.hosts.items()
        ],
        "releases": [],
    }
    return Made(values, f"{result.release} serves on {len(result.hosts)} host(s), {result.duration_s:.1f} s")
