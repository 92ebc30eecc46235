"""What is behind a service that no release needs any more: old releases, and whether there is any of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from deployer.config.schema import Config
from deployer.edge import container as edge_container
from deployer.edge.state import EdgeState, Slot
from deployer.errors import EngineError, LockLost
from deployer.events import Warned
from deployer.host.engine import Engine
from deployer.image import prune as images
from deployer.image.prune import Removal
from deployer.rollout.operation import Operation
from deployer.rollout.reconcile import plan_repairs
from deployer.rollout.release import Record, has_served, previous_of
from deployer.rollout.status import observe
from deployer.rollout.work import Work


class Plan(Struct, frozen=True):
    """What a prune would do, in this order: put right, remove stopped containers, remove images."""

    repairs: tuple[str, ...]
    containers: tuple[str, ...]
    images: tuple[Removal, ...]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "repairs": list(self.repairs),
            "containers": list(self.containers),
            "removals": [removal.as_dict() for removal in self.images],
        }


def plan(engine: Engine, config: Config, keep: int) -> Plan:
    """What a prune that keeps `keep` would do now; changes nothing."""
    service = config.service.name
    situation = observe(engine, config)
    repairs, state = plan_repairs(situation), situation.stored
    ending: set[str] = set()  # these are stopped first, and then among those that are
    going: set[str] = set()  # these are removed whatever is kept
    for repair in repairs:
        match repair.action:
            case "remove-container":
                going.add(repair.subject)
            case "stop-container":
                ending.add(repair.subject)
            case "expire-standby" | "remove-candidate":
                slot: Slot = "green" if repair.subject == "green" else "blue"
                occupant = state.occupant(slot)
                if occupant is None:
                    continue
                stays = repair.action == "expire-standby" or has_served(situation.records, occupant.release)
                (ending if stays else going).add(occupant.container)
                state = state.vacated(slot)
    # Without an edge there is no history that says which of them can be gone back to.
    known = situation.edge != "missing"
    idle = _idle(engine, service, state, situation.records, keep, ending) if known else []
    containers = [name for name in idle if name not in going]
    removals = images.plan(
        engine,
        service,
        keep=keep,
        protected=needed_images(state, situation.records, keep),
        without={*containers, *going},
    )
    return Plan(tuple(repair.text for repair in repairs), tuple(containers), tuple(removals))


def tidy(work: Work, keep_releases: int) -> tuple[Record, ...]:
    """Remove the stopped containers of all releases but the newest `keep_releases`; the history."""
    records = work.history()
    for name in _idle(work.engine, work.service, work.state, records, keep_releases):
        try:
            work.lock.check()
            work.engine.remove(name)
        except (EngineError, LockLost) as error:
            # The release serves; that an old one cannot be cleared away is no failure of it.
            work.emit(Warned(error.message))
            if isinstance(error, LockLost):
                break
    return records


def needed_images(state: EdgeState, records: Iterable[Record], keep: int) -> list[str]:
    """The images of the releases that one can still go back to, and of the serving one."""
    active = state.occupant(state.active)
    records = list(records)
    serving = [record for record in records if active and record.release == active.release]
    kept = previous_of(records, active.release if active else None)[:keep]
    return [name for record in (*serving, *kept) for name in (record.image, record.image_id) if name]


def anything_to_prune(operation: Operation, keep: int) -> bool:
    """Whether a look, which needs no lock, finds something to remove or to put right."""
    engine, service = operation.engine, operation.service
    if images.plan(engine, service, keep=keep) or edge_container.left_over(engine, service):
        return True
    situation = observe(engine, operation.config)
    return bool(
        situation.edge != "running"
        or plan_repairs(situation)
        or _idle(engine, service, situation.stored, situation.records, keep)
    )


def _idle(
    engine: Engine,
    service: str,
    state: EdgeState,
    records: Iterable[Record],
    keep_releases: int,
    ending: Collection[str] = (),
) -> list[str]:
    """The stopped containers, and those in `ending`, of releases in no slot and not among the newest."""
    placed = {occupant.container for occupant in state.occupants.values()}
    keep = [record.release for record in previous_of(records, None)][:keep_releases]
    found = engine.containers({"deployer.service": service, "deployer.role": "release"})
    named = [(item["Names"][0].lstrip("/"), item) for item in found]
    return [
        name
        for name, item in named
        if (item["State"] != "running" or name in ending)
        and name not in placed
        and item["Labels"].get("deployer.release", "") not in ("", *keep)
    ]
