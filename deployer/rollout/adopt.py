"""Taking over a container that already serves the port, started by hand or by another tool.

Everything that takes time happens beside it: a managed container of the same image comes up in a slot,
behind an edge that does not listen yet. The gap is what lies between the old container's letting go of the
port and HAProxy's taking it, a few ten milliseconds; requests that run in the old container at that moment
are cut off, for the engine cannot free a published port without them.
"""

from __future__ import annotations

from deployer.config.schema import Config
from deployer.edge import container as edge_container
from deployer.edge.session import EdgeSession
from deployer.errors import EdgeError, PreflightError
from deployer.events import Note, Warned
from deployer.host.engine import Engine, Inspect
from deployer.host.shell import Shell
from deployer.image.build import ensure_image
from deployer.image.edge import edge_image
from deployer.interrupts import shielded
from deployer.rollout import preflight
from deployer.rollout.belongings import check_volumes, left_behind
from deployer.rollout.commands import reported
from deployer.rollout.operation import Operation
from deployer.rollout.phases import Phases
from deployer.rollout.release import Candidate, container_name, new_release
from deployer.rollout.result import Result
from deployer.rollout.run import room_check, run
from deployer.rollout.transaction import changing
from deployer.rollout.work import Work


def adopt(
    operation: Operation,
    *,
    container: str,
    image: str | None = None,
    without_volumes: bool = False,
) -> Result:
    """Put the edge and a managed release where `container` serves now; it is stopped, not removed.

    :param container: the running container's name or id.
    :param image: deploy this instead of the container's own image.
    :param without_volumes: go on although the new release lacks volumes of the old container.
    :raises PreflightError: it does not serve `edge.port`, the service has an edge already, the new release
        would lack a volume, or there is no memory for both.
    """
    engine, config, emit = operation.engine, operation.config, operation.emit
    phases = Phases(emit)
    old = servant(engine, config, container)
    release = new_release()
    chosen = image or str(old["Config"]["Image"])
    result = Result(release=release, image=chosen, strategy="blue-green", kind="adopt")
    rooms: list[preflight.Room] = []
    # Where the port has been taken from it already there is no way back.
    begun = _was_robbed(old, config.edge.port, edge_container.find(engine, operation.service))

    def check(shell: Shell) -> None:
        room_check(config, rooms)(shell)
        if not begun:
            preflight.check_beside(engine, config, rooms[0], old)

    with reported(result, phases):
        if not begun:
            preflight.check_needs(engine, config, operation.environ)
            if not without_volumes:
                check_volumes(config, old)
            for sentence in left_behind(engine, config, old):
                emit(Warned(sentence))
    with (
        reported(result, phases),
        changing(
            operation,
            "adopt",
            preflight=check,
            public=False,
        ) as work,
    ):
        if edge_container.is_public(_edge(work)):
            _resume(work, result)
        else:
            with phases.phase("image", "making sure of the image"):
                image_id = ensure_image(engine, chosen, emit)
            candidate = Candidate(
                release, chosen, container_name(work.service, release), "adopt", image_id=image_id
            )
            run(work, phases, candidate, result, strategy="blue-green", room=rooms[0])
            with phases.phase("takeover", f"taking port {config.edge.port} from {container}"):
                _take_port(work, old)
        with phases.phase("stop", f"stopping {container}"):
            engine.stop(old["Id"], config.service.stop_timeout)
        emit(Note(f"{container} is stopped, not removed; `docker rm {container}` when you no longer want it"))
    return result


def servant(engine: Engine, config: Config, name: str) -> Inspect:
    """The container that is to be taken over. :raises PreflightError: it cannot be."""
    found = engine.container(name)
    edge = edge_container.find(engine, config.service.name)
    if found and _was_robbed(found, config.edge.port, edge):
        # An adoption that was killed when the port changed hands, or later: only the end of it is missing.
        return found
    if found is None or not found["State"]["Running"]:
        raise PreflightError(f"there is no running container {name}", remedy="`docker ps` lists them")
    ports = published(found)
    if config.edge.port not in ports:
        known = ", ".join(map(str, sorted(ports))) or "none"
        raise PreflightError(
            f"{name} does not publish port {config.edge.port} (it publishes {known})",
            remedy="set edge.port to the port that it serves",
        )
    if edge is not None and edge_container.is_public(edge):
        raise PreflightError(
            f"{config.service.name} has an edge already", remedy="`deployer rollout` deploys through it"
        )
    return found


def published(container: Inspect) -> set[int]:
    """The TCP ports of the host at which a running container is reached."""
    ports = container["NetworkSettings"]["Ports"] or {}
    return {
        int(binding["HostPort"])
        for inner, bindings in ports.items()
        if inner.endswith("/tcp")
        for binding in bindings or ()
    }


def _was_robbed(container: Inspect, port: int, edge: Inspect | None) -> bool:
    """Whether a container was made to publish `port`, and that was taken from it."""
    made_for = {
        binding["HostPort"]
        for bindings in (container["HostConfig"].get("PortBindings") or {}).values()
        for binding in bindings or ()
    }
    if container["State"]["Running"]:
        return str(port) in made_for and not container["NetworkSettings"]["Networks"]
    return str(port) in made_for and edge is not None and edge_container.is_public(edge)


def _edge(work: Work) -> Inspect:
    """The edge that the command found or made."""
    edge = edge_container.find(work.engine, work.service)
    if edge is None:
        raise EdgeError(f"the edge of {work.service} was removed", remedy="run `deployer adopt` again")
    return edge


def _resume(work: Work, result: Result) -> None:
    """The port has changed hands already: say what serves there."""
    slot = work.state.active
    occupant = work.state.occupant(slot)
    if occupant:
        result.release, result.container, result.slot = occupant.release, occupant.container, slot
    result.outcome = "succeeded"


def _take_port(work: Work, old: Inspect) -> None:
    """The gap: the old container loses the port, the waiting edge takes it."""
    engine, config = work.engine, work.config
    following = edge_container.next_name(work.service)
    networks = list(old["NetworkSettings"]["Networks"])
    policy = old["HostConfig"]["RestartPolicy"]["Name"] or "no"
    try:
        edge_container.create(
            engine,
            config,
            edge_image(engine, config, work.emit),
            work.addresses,
            work.state,
            name=following,
            await_port=True,
        )
        engine.start(following)
        work.lock.check()
        engine.set_restart_policy(old["Id"], "no")
        for network in networks:
            engine.disconnect(network, old["Id"])
        container = edge_container.start(engine, config, following)
    except BaseException:
        with shielded():
            # Give the port back before anything else.
            engine.remove(following)
            left = engine.container(old["Id"])
            for network in networks:
                if left and network not in left["NetworkSettings"]["Networks"]:
                    engine.connect(network, old["Id"])
            engine.set_restart_policy(old["Id"], policy)
        raise
    with shielded():
        private = _edge(work)
        edge_container.hand_over(engine, work.service)
        engine.remove(private["Id"])
        work.session.close()
        work.session = EdgeSession(engine, container, work.addresses)
        work.session.forget_older()
