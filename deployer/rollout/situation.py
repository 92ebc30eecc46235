"""Everything that is so right now, read in one go; plans are made from it, nothing is changed by it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from deployer.edge import container as edge_container
from deployer.edge.session import HISTORY, EdgeSession
from deployer.edge.state import EdgeState, Slot, from_map
from deployer.edge.statistics import Traffic
from deployer.host.engine import Engine
from deployer.host.lock import Holder, holder
from deployer.rollout.release import Record, history


class Member(Struct, frozen=True):
    """A container of the service.

    :param role: release or hook, as its label says; an adopted container is a release.
    :param status: the engine's word: created, running, restarting, exited, dead, paused.
    :param since: RFC 3339 time of its last start.
    """

    name: str
    role: str
    release: str
    image: str
    status: str
    restart_policy: str
    restarts: int
    since: str

    @property
    def running(self) -> bool:
        return self.status == "running"


class Situation(Struct, frozen=True):
    """What a host shows of one service.

    :param edge: running, stopped or missing.
    :param address: where the edge listens, `address:port`; None where it does not say.
    :param stored: the edge's state on its disk.
    :param live_active: the slot that HAProxy sends requests to; None where none or the edge is down.
    :param holding: requests are being held right now.
    :param ready: the slots whose last health check passed.
    :param public: what visitors got since the edge started; None where it cannot be asked.
    :param members: the service's containers by name, the edge's and the lock's not among them.
    """

    edge: str
    stored: EdgeState
    address: str | None = None
    live_active: Slot | None = None
    holding: bool = False
    ready: frozenset[str] = frozenset()
    traffic: Mapping[Slot, Traffic] = field(default_factory=dict)
    public: Traffic | None = None
    members: Mapping[str, Member] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    lock: Holder | None = None

    def member(self, slot: Slot | None) -> Member | None:
        """The container in a slot."""
        occupant = self.stored.occupant(slot)
        return self.members.get(occupant.container) if occupant else None


def gather(engine: Engine, service: str, session: EdgeSession | None = None) -> Situation:
    """Read a service's situation.

    :param session: an open session with the edge; None where the edge does not run.
    """
    if session is not None:
        lock = holder(engine, service)
        view = session.view()
        return Situation(
            edge="running",
            address=edge_container.address(session.container),
            stored=view.stored,
            live_active=view.live.active,
            holding=view.holding,
            ready=view.ready,
            traffic=view.traffic,
            public=view.public,
            members=members(engine, service, view.stored),
            records=tuple(history(view.history)),
            lock=lock,
        )
    edge = edge_container.find(engine, service)
    status = "missing" if edge is None else "running" if edge_container.is_running(edge) else "stopped"
    text, lines = "", ""
    if edge is not None:
        name = edge_container.container_name(service)
        text, lines = edge_container.stored_state(engine, service), engine.get_file(name, HISTORY)
    stored = from_map(text)
    return Situation(
        edge=status,
        address=edge_container.address(edge) if edge else None,
        stored=stored,
        members=members(engine, service, stored),
        records=tuple(history(lines)),
        lock=holder(engine, service),
    )


def members(engine: Engine, service: str, stored: EdgeState) -> Mapping[str, Member]:
    """The service's containers: those with our labels, and an adopted one that the state names."""
    names = {
        item["Names"][0].lstrip("/")
        for item in engine.containers({"deployer.service": service})
        if item["Labels"].get("deployer.role") in ("release", "hook")
    }
    names.update(occupant.container for occupant in stored.occupants.values())
    found = {}
    for name in names:
        container = engine.container(name)
        if container is None:
            continue
        labels = container["Config"]["Labels"] or {}
        found[name] = Member(
            name=name,
            role=labels.get("deployer.role", "release"),
            release=labels.get("deployer.release", ""),
            image=labels.get("deployer.image") or container["Config"]["Image"],
            status=container["State"]["Status"],
            restart_policy=container["HostConfig"]["RestartPolicy"]["Name"] or "no",
            restarts=container["RestartCount"],
            since=container["State"]["StartedAt"][:19] + "+00:00",
        )
    return found
