"""The edge's container: made once, never recreated by a rollout.

It uses the host's network: nothing stands between a client and HAProxy, the ports are bound by HAProxy
itself, and a newer edge can take over the listening sockets of an older one without closing them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from deployer.config.schema import Config
from deployer.edge.certificate import certificate
from deployer.edge.configuration import SETTINGS, Addresses, configuration, hold_script, settings
from deployer.edge.session import FOLDER, MAP, EdgeSession
from deployer.edge.state import EdgeState, from_map, to_map
from deployer.errors import EdgeError, EngineError, PreflightError
from deployer.host.engine import Engine, Inspect
from deployer.host.shell import Shell
from deployer.interrupts import shielded

_START = """
if [ -n "$EDGE_AWAIT_PORT" ]; then
    # Somebody still listens there (state 0A); be quick once they stop.
    port=$(printf ':%04X 0+:0000 0A' "$EDGE_AWAIT_PORT")
    while grep -qE "$port" /proc/net/tcp /proc/net/tcp6; do sleep 0.005; done
fi
old=
if [ -n "$EDGE_PREDECESSOR" ] && socat -u OPEN:/dev/null UNIX-CONNECT:"$EDGE_PREDECESSOR" 2>/dev/null; then
    old="-x $EDGE_PREDECESSOR"
fi
exec haproxy -db $old -f "$EDGE_CONFIG"
"""
"""A predecessor that is gone must not keep a restarted edge from starting."""

ADDRESS = "deployer.edge-address"
"""The label with the address and port that an edge was made to serve."""

START_TIMEOUT = 15.0
"""Seconds that HAProxy may take to answer on its socket."""


_GOING = 1.0
"""Seconds that an edge without requests may take to end."""


def container_name(service: str) -> str:
    """The edge's container of a service."""
    return f"{service}-edge"


def next_name(service: str) -> str:
    """The newer edge during an upgrade, until the ports are its own."""
    return f"{service}-edge-next"


def retiring_name(service: str, container: Inspect) -> str:
    """The older edge after an upgrade, until its last request has ended; there can be several."""
    return f"{service}-edge-retiring-{container['Id'][:8]}"


def volume_name(service: str) -> str:
    """The volume that holds the edge's files: state, history, configuration."""
    return f"{service}-edge"


def find(engine: Engine, service: str) -> Inspect | None:
    """The edge's container, running or not.

    :raises PreflightError: somebody else's container has its name.
    """
    container = engine.container(container_name(service))
    if container is not None:
        _check_ours("container", container_name(service), container["Config"]["Labels"], service)
    return container


def install(
    engine: Engine, config: Config, image: str, addresses: Addresses, state: EdgeState, *, public: bool = True
) -> Inspect:
    """Create and start the edge where there is none; its container.

    :raises EdgeError: HAProxy did not start; the details are what it said.
    :raises PreflightError: the port is taken.
    """
    service = config.service.name
    name, volume = container_name(service), volume_name(service)
    fresh = not engine.volumes(_labels(service, "edge"))
    _ensure_volume(engine, service)
    try:
        create(engine, config, image, addresses, state, name=name, public=public)
        return start(engine, config, name)
    except BaseException:
        with shielded():
            # Or it would be started again and again.
            engine.remove(name)
            if fresh:
                engine.remove_volume(volume)
        raise


def create(
    engine: Engine,
    config: Config,
    image: str,
    addresses: Addresses,
    state: EdgeState,
    *,
    name: str,
    predecessor: str = "",
    public: bool = True,
    await_port: bool = False,
) -> None:
    """Create an edge's container and put its files in the volume; an existing `state.map` stays.

    :param predecessor: the admin socket of the edge whose listening sockets it takes over.
    :param public: listen on the service's ports.
    :param await_port: when started, wait until nobody listens on the port any more.
    """
    service = config.service.name
    # Files of its own: an edge that fails to start must not have changed what the old one restarts with.
    generation = secrets.token_hex(4)
    files = {f"hold-{generation}.lua": hold_script(config), "preview.map": ""}
    if config.edge.tls:
        files[f"tls-{generation}.pem"] = certificate(config.edge.tls, config.root)
    _ensure_volume(engine, service)
    config_file = f"{FOLDER}/haproxy-{generation}.cfg"
    engine.create(
        name,
        {
            "Image": image,
            "Cmd": ["bash", "-c", _START],
            "Env": [
                f"EDGE_CONFIG={config_file}",
                f"EDGE_SOCKET={FOLDER}/admin-{generation}.sock",
                f"EDGE_HOLD={FOLDER}/hold-{generation}.lua",
                f"EDGE_CERTIFICATE={FOLDER}/tls-{generation}.pem",
                f"EDGE_PREDECESSOR={predecessor}",
                f"EDGE_AWAIT_PORT={config.edge.port if await_port else ''}",
            ],
            "Labels": {
                **_labels(service, "edge"),
                "deployer.edge": "public" if public else "private",
                ADDRESS: f"{config.edge.address}:{config.edge.port}",
                SETTINGS: settings(config),
            },
            "HostConfig": {
                "NetworkMode": "host",
                # HAProxy as process 1 would not heed SIGTERM: the kernel shields that one from its default.
                "Init": True,
                "RestartPolicy": {"Name": "always"},
                "Binds": [f"{volume_name(service)}:{FOLDER}"],
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                # KILL: the init process passes signals on to HAProxy, which runs as another user.
                "CapAdd": ["NET_BIND_SERVICE", "SETUID", "SETGID", "DAC_OVERRIDE", "KILL"],
                "SecurityOpt": ["no-new-privileges"],
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
            },
        },
    )
    kept = engine.get_file(name, MAP)
    if kept:
        state = from_map(kept)
    files[f"haproxy-{generation}.cfg"] = configuration(config, state, addresses, public=public)
    if not kept:
        files["state.map"] = to_map(state)
    engine.put_files(name, FOLDER, files)


def start(engine: Engine, config: Config, name: str) -> Inspect:
    """Start an edge's container and wait until HAProxy answers in it; the container.

    :raises EdgeError: it did not; the details are what HAProxy said.
    :raises PreflightError: somebody else listens on the port.
    """
    found = engine.container(name)
    crashes = found["RestartCount"] if found else 0
    if found and found["HostConfig"]["RestartPolicy"]["Name"] != "always":
        # An upgrade that went wrong in the middle had told it not to come back.
        engine.set_restart_policy(name, "always")
    engine.start(name)
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        container = engine.container(name)
        if container and is_running(container) and answers(engine, container):
            return container
        if container and container["RestartCount"] > crashes:
            break
        time.sleep(0.05)
    log = engine.logs(name)
    if any("Address already in use" in line or "cannot bind" in line for line in log):
        raise PreflightError(
            f"the edge cannot listen on {config.edge.address}:{config.edge.port}: the port is taken",
            remedy="stop what listens there, choose another edge.port, or, if it is a container that serves "
            "this port today, let `deployer adopt CONTAINER` take it over",
            details=log,
        )
    raise EdgeError("the edge did not start", remedy="the lines below are HAProxy's own", details=log)


def hand_over(engine: Engine, service: str) -> None:
    """Let the newer edge be the edge: the older one finishes what it has and does not come back.

    Safe to repeat from the start: it is what a command does that finds an upgrade half done.
    """
    current = find(engine, service)
    if current is not None:
        engine.set_restart_policy(current["Id"], "no")
        engine.kill(current["Id"], "USR1")
        engine.rename(current["Id"], retiring_name(service, current))
    engine.rename(next_name(service), container_name(service))


def retiring(engine: Engine, service: str) -> list[Inspect]:
    """The edges before this one, as the engine lists containers: one that runs still finishes requests."""
    return _retiring(_edges(engine, service), service)


def left_over(engine: Engine, service: str) -> bool:
    """Whether there is an edge that an upgrade or an adoption has left, finished or not."""
    settled = f"/{container_name(service)}"
    return any(
        item["Names"][0] != settled or item["Labels"].get("deployer.edge") == "private"
        for item in _edges(engine, service)
    )


def _edges(engine: Engine, service: str) -> list[Inspect]:
    return engine.containers(_labels(service, "edge"))


def _retiring(edges: Iterable[Inspect], service: str) -> list[Inspect]:
    return [item for item in edges if item["Names"][0].startswith(f"/{service}-edge-retiring-")]


def finish_upgrade(engine: Engine, service: str, fence: Callable[[], None]) -> str | None:
    """Go on where a killed upgrade stopped; what was done, None where there was nothing to do.

    :param fence: called before anything is changed.
    """
    edges = _edges(engine, service)
    following = None
    if any(item["Names"][0] == f"/{next_name(service)}" for item in edges):
        following = engine.container(next_name(service))
    done = None
    if following is not None:
        fence()
        if following["State"]["Running"] and answers(engine, following):
            hand_over(engine, service)
            done = "an interrupted edge upgrade was finished"
        else:
            engine.remove(following["Id"])
            done = "an interrupted edge upgrade was undone"
        edges = _edges(engine, service)
    for item in _retiring(edges, service):
        fence()
        # One without requests is about to go.
        if item["State"] != "running" or (done and engine.wait(item["Id"], _GOING) is not None):
            engine.remove(item["Id"])
    return done


def is_running(container: Inspect) -> bool:
    """Whether commands can be run in it; to the engine, one that waits for its restart is running, too."""
    return bool(container["State"]["Status"] == "running")


def answers(engine: Engine, container: Inspect) -> bool:
    """Whether HAProxy in this container takes commands."""
    try:
        shell = Shell(engine, container["Id"])
        try:
            socket = _environment(container, "EDGE_SOCKET")
            code, version = shell.run(f"echo 'show version' | socat -t 5 - UNIX-CONNECT:{socket}", timeout=10)
        finally:
            shell.close()
    except EngineError:
        return False
    # One that is about to fail accepts the connection, and then says nothing.
    return code == 0 and bool(version.strip())


def open_session(engine: Engine, config: Config, addresses: Addresses) -> EdgeSession:
    """A session with the service's running edge.

    :raises EdgeError: there is no edge, or it does not run.
    """
    container = find(engine, config.service.name)
    if container is None or not container["State"]["Running"]:
        raise EdgeError(
            f"the edge of {config.service.name} does not run",
            remedy="`deployer recover` starts it; the first `deployer rollout` makes it",
        )
    return EdgeSession(engine, container, addresses)


def stored_state(engine: Engine, service: str) -> str:
    """The text of `state.map` of an edge that may not be running; empty where there is none."""
    return engine.get_file(container_name(service), MAP)


def is_public(container: Inspect) -> bool:
    """Whether an edge has the service's ports; one that an unfinished `adopt` left has not."""
    return bool((container["Config"]["Labels"] or {}).get("deployer.edge") != "private")


def address(container: Inspect) -> str | None:
    """Where an edge serves, which the config of today need not say any more; None where it does not tell."""
    found: str | None = (container["Config"]["Labels"] or {}).get(ADDRESS)
    return found


def _ensure_volume(engine: Engine, service: str) -> None:
    name = volume_name(service)
    found = engine.create_volume(name, _labels(service, "edge"))
    _check_ours("volume", name, found["Labels"], service)


def _check_ours(kind: str, name: str, labels: Mapping[str, str] | None, service: str) -> None:
    if (labels or {}).get("deployer.service") != service:
        raise PreflightError(
            f"there is a {kind} {name} already, which was not made by the deployer for {service}",
            remedy=f"rename that {kind}, or give service.name another value",
        )


def _labels(service: str, role: str) -> dict[str, str]:
    return {"deployer.service": service, "deployer.role": role}


def _environment(container: Inspect, name: str) -> str:
    lines: list[Any] = container["Config"]["Env"]
    return next(str(line).split("=", 1)[1] for line in lines if str(line).startswith(f"{name}="))
