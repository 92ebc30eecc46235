"""The controller and what stands beside it: what is there, what is to be done, and the doing.

facts = look(engine, config, secrets)
steps = plan(files.composition, facts)      # pure
carry_out(engine, steps, secrets, emit)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.secrets import resolve
from deployer.config.units import humanize_size
from deployer.errors import ConfigError, EngineError, PreflightError
from deployer.events import Emit, Note, PhaseFinished, PhaseProgress, PhaseStarted, Warned
from deployer.host.engine import Engine
from deployer.render import render
from pipelines.jenkins.compose import CONTENT, SECRETS, Composition, Service, composition
from pipelines.jenkins.image import ACCESSORY
from pipelines.jenkins.jobs import CREDENTIALS, GITHUB_CREDENTIAL
from pipelines.jenkins.watch import SWAP

MIB = 1024**2
USER_ID = 1000
"""Of the user jenkins in the controller's image, who must be able to read the secrets."""
WEBHOOK_CREDENTIAL = "webhook-secret"
SOCKET = "/var/run/docker.sock"
POLL = 0.5
"""Seconds between two looks at a container that is starting."""

SMALLEST_HEAP, LARGEST_HEAP = 384 * MIB, 1024 * MIB
BESIDE_HEAP = 320 * MIB
"""What the controller takes beside its heap: classes, code, threads, buffers; as bounded by its options."""


class Host(Struct, frozen=True):
    """What the engine's host is like; `memory` in bytes, `swap` None where it cannot be known."""

    memory: int
    socket: str
    socket_group: int
    swap: int | None = None


class Step(Struct, frozen=True):
    """What is to be done with one container; `reason` says why, for people."""

    action: Literal["create", "replace", "start", "keep"]
    service: Service
    reason: str

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"container": self.service.container, "action": self.action, "reason": self.reason}


# -- files ------------------------------------------------------------------------------------------------


def heap_of(memory: int, asked: int | None) -> int:
    """Bytes of heap for a controller on a host with `memory` bytes."""
    return asked or max(SMALLEST_HEAP, min(LARGEST_HEAP, memory // 4))


def java_options(heap: int) -> str:
    """What the controller's JVM is told: bounds for all that it takes, and to die rather than to hang."""
    return " ".join(
        [
            f"-Xmx{heap // MIB}m",
            "-XX:MaxMetaspaceSize=192m",
            "-XX:ReservedCodeCacheSize=64m",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djenkins.install.runSetupWizard=false",
            "-Dfile.encoding=UTF-8",
        ]
    )


def secret_names(config: Config) -> dict[str, str]:
    """The files below /run/secrets and the references that they come from; nothing is resolved."""
    settings = config.jenkins
    given = {
        "admin-password": settings.password,
        "github-token": settings.github_token,
        WEBHOOK_CREDENTIAL: settings.webhook_secret,
        **{f"credential-{name}": text for name, text in settings.credentials.items()},
    }
    return {name: text for name, text in given.items() if text is not None}


def secrets_of(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets themselves.

    :raises ConfigError: one cannot be had, or there is no password.
    """
    names = secret_names(config)
    if "admin-password" not in names:
        raise ConfigError(
            "jenkins.password is missing: the controller would let nobody in",
            remedy="jenkins: {password: '${env:JENKINS_PASSWORD}'}",
        )
    return {name: resolve(text, environ, key=f"jenkins ({name})") for name, text in names.items()}


def files(config: Config, image: str, host: Host) -> dict[str, str]:
    """The files that the controller is made from, by name; no secret is in any of them. Pure."""
    settings, service = config.jenkins, config.service.name
    names = secret_names(config)
    texts = {name: f"credential-{name}" for name in settings.credentials}
    if settings.webhook_secret:
        texts = {WEBHOOK_CREDENTIAL: WEBHOOK_CREDENTIAL, **texts}
    return {
        "jenkins.yaml": render(
            "jenkins/jenkins.yaml.j2",
            jenkins=settings,
            service=service,
            url=(settings.public_url or settings.address_of_controller).rstrip("/") + "/",
            secret_texts=texts,
            github=GITHUB_CREDENTIAL if settings.github_token else None,
        ),
        "compose.yaml": render(
            "compose/controller.yaml.j2",
            jenkins=settings,
            service=service,
            project=f"{service}-controller",
            image=image,
            socket=host.socket,
            socket_group=host.socket_group,
            secrets=sorted(names),
            environment={
                "JAVA_OPTS": java_options(heap_of(host.memory, settings.heap)),
                "CASC_JENKINS_CONFIG": "/run/configs/jenkins.yaml",
                **settings.env,
            },
        ),
    }


def composed(made: Mapping[str, str]) -> Composition:
    """What `files` ask for."""
    import yaml

    return composition(yaml.safe_load(made["compose.yaml"]), {"./jenkins.yaml": made["jenkins.yaml"]})


# -- facts ------------------------------------------------------------------------------------------------


def look_at_host(engine: Engine, config: Config) -> Host:
    """What the engine's host is like.

    :raises PreflightError: the group of its socket cannot be known from here.
    """
    url = urlsplit(engine.address)
    local = url.scheme == "unix"
    socket = url.path if local else SOCKET
    group = config.jenkins.socket_group
    if group is None:
        if not local:
            raise PreflightError(
                f"the group of the engine's socket at {engine.address} cannot be read from here",
                remedy=f"ask on the host (stat -c %g {SOCKET}) and set jenkins.socket_group",
            )
        group = Path(socket).stat().st_gid
    return Host(int(engine.info()["MemTotal"]), socket, group, _swap() if local else None)


def _swap(path: Path = Path("/proc/meminfo")) -> int | None:
    for line in path.read_text(encoding="ascii").splitlines() if path.exists() else ():
        if line.startswith("SwapTotal:"):
            return int(line.split()[1]) * 1024
    return None


def warnings(config: Config, host: Host) -> list[str]:
    """What a host like this will suffer from, each with its remedy. Pure."""
    found = []
    heap = heap_of(host.memory, config.jenkins.heap)
    needed = heap + BESIDE_HEAP + (config.service.memory or 256 * MIB)
    if host.memory < needed:
        found.append(
            f"the host has {humanize_size(host.memory)} of memory; the controller (heap"
            f" {humanize_size(heap)}) and one release take {humanize_size(needed)}: builds will hang; {SWAP},"
            " or set jenkins.heap"
        )
    elif host.swap == 0 and host.memory < 4 * 1024 * MIB:
        found.append(f"the host has {humanize_size(host.memory)} of memory and no swap: {SWAP}")
    if config.jenkins.address == "0.0.0.0":
        found.append(
            "jenkins.address is 0.0.0.0: whoever reaches the host reaches the controller, and with it the"
            " engine; bind it to 127.0.0.1 and come by SSH, or to an address behind a firewall"
        )
    missing = [name for name in CREDENTIALS if name not in config.jenkins.credentials]
    if missing:
        found.append(f"the stages that want them will fail: jenkins.credentials lacks {', '.join(missing)}")
    return found


def existing(engine: Engine, wanted: Composition) -> dict[str, dict[str, Any]]:
    """The containers that are there already, by name, as the engine describes them."""
    found = {service.container: engine.container(service.container) for service in wanted.services}
    return {name: container for name, container in found.items() if container is not None}


def changed_secrets(engine: Engine, service: Service, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets that the existing container has otherwise."""
    return [
        name
        for name in service.secrets
        if engine.get_file(service.container, f"{SECRETS}/{name}") != secrets[name]
    ]


# -- plan -------------------------------------------------------------------------------------------------


def plan(
    wanted: Composition, found: Mapping[str, Mapping[str, Any]], changed: Mapping[str, list[str]]
) -> list[Step]:
    """What has to be done, in order. Pure.

    :param found: as of `existing`.
    :param changed: names of changed secrets by container.
    """
    return [
        _step(service, found.get(service.container), changed.get(service.container, []))
        for service in wanted.services
    ]


def _step(service: Service, found: Mapping[str, Any] | None, changed: list[str]) -> Step:
    if found is None:
        return Step("create", service, "there is none")
    config = found["Config"]
    if config["Image"] != service.body["Image"]:
        return Step("replace", service, f"it runs {config['Image']}, not {service.body['Image']}")
    if (config.get("Labels") or {}).get(CONTENT) != service.content:
        return Step("replace", service, "its configuration has changed")
    if changed:
        return Step("replace", service, f"changed: {', '.join(changed)}")
    if not found["State"]["Running"]:
        return Step("start", service, f"it is {found['State']['Status']}")
    return Step("keep", service, "it is as it should be")


# -- doing ------------------------------------------------------------------------------------------------


def carry_out(
    engine: Engine, wanted: Composition, steps: list[Step], secrets: Mapping[str, str], emit: Emit
) -> None:
    """Make it so.

    :raises EngineError: the engine refuses; what was done stays, and the next `up` goes on from there.
    """
    service = next(iter(wanted.services)).body["Labels"].get(ACCESSORY, "")
    for volume in wanted.volumes:
        engine.create_volume(volume, {ACCESSORY: service})
    for step in steps:
        name = step.service.container
        if step.action == "replace":
            engine.stop(name, step.service.body["StopTimeout"])
            engine.remove(name)
        if step.action in ("create", "replace"):
            _create(engine, step.service, secrets)
        if step.action != "keep":
            engine.start(name)
            emit(Note(f"{step.action}{'ed' if step.action == 'start' else 'd'} {name} ({step.reason})"))


def _create(engine: Engine, service: Service, secrets: Mapping[str, str]) -> None:
    engine.create(service.container, service.body)
    given = {f"{SECRETS}/{name}": secrets[name] for name in service.secrets}
    texts = {path.lstrip("/"): text for path, text in {**service.configs, **given}.items()}
    if texts:
        try:
            engine.put_files(service.container, "/", texts, owner=USER_ID)
        except BaseException:
            # Without its secrets it must not be there: the next `up` would take it for complete.
            engine.remove(service.container)
            raise


def await_healthy(engine: Engine, container: str, timeout: float, emit: Emit) -> None:
    """Wait until the controller's own health check is content.

    :param timeout: seconds.
    :raises EngineError: it ended, or is not healthy by then; the details are the tail of its log.
    """
    began = time.monotonic()
    emit(PhaseStarted("controller", "waiting until the controller answers"))
    while True:
        found = engine.container(container)
        state: dict[str, Any] = found["State"] if found else {"Status": "removed"}
        health = (state.get("Health") or {}).get("Status", "none")
        if state.get("Running") and health in ("healthy", "none"):
            emit(PhaseFinished("controller", time.monotonic() - began, "the controller answers"))
            return
        seconds = time.monotonic() - began
        if state["Status"] in ("exited", "dead", "removed", "restarting") or seconds > timeout:
            raise EngineError(
                f"{container} is {state['Status']} ({health}) after {seconds:.0f} s",
                remedy="its log says why; where it was killed for lack of memory, " + SWAP,
                details=engine.logs(container, 15),
            )
        emit(PhaseProgress("controller", health))
        time.sleep(POLL)


def down(engine: Engine, config: Config, emit: Emit, *, volumes: bool) -> list[str]:
    """Stop and remove the controller and its accessories; their names.

    :param volumes: also what they keep: jobs, builds, settings.
    """
    labels = {ACCESSORY: config.service.name}
    removed = []
    for container in engine.containers(labels):
        name = container["Names"][0].lstrip("/")
        engine.stop(name, 60)
        engine.remove(name)
        emit(Note(f"removed {name}"))
        removed.append(name)
    if volumes:
        for volume in engine.volumes(labels):
            engine.remove_volume(volume["Name"])
            emit(Note(f"removed volume {volume['Name']}"))
            removed.append(volume["Name"])
    return removed


def refuse_where_builds_run(running: list[str]) -> None:
    """:raises PreflightError: replacing the controller would kill builds, a rollout perhaps."""
    if running:
        raise PreflightError(
            f"the controller is running {', '.join(running)}; to replace it would kill the build",
            remedy="wait for it (`pipelines jenkins watch`), or say --force",
        )


def warn(config: Config, host: Host, emit: Emit) -> None:
    """Tell what the host will suffer from."""
    for text in warnings(config, host):
        emit(Warned(text))
