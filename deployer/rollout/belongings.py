"""What a container has that its successor, made from the config, would not have."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath

from deployer.config.schema import Config
from deployer.errors import PreflightError
from deployer.host.engine import Engine, Inspect

_ENGINES_OWN = ("bridge", "host", "none")
"""Networks that a container has without anybody's wish."""


def check_volumes(config: Config, old: Inspect) -> None:
    """:raises PreflightError: `service.volumes` lacks one of the container's; the details are what to add."""
    given = {*_volumes(config), *_tmpfs(config)}
    missing = [mount for mount in _mounts(old) if mount["Destination"] not in given]
    if not missing:
        return
    name = old["Name"].lstrip("/")
    raise PreflightError(
        f"{name} keeps data at {', '.join(mount['Destination'] for mount in missing)}, which the new release "
        "would not have: service.volumes does not name it; nothing was changed",
        details=["service:", "  volumes:", *(f'    - "{_line(mount)}"' for mount in missing)],
        remedy="add these lines to config.yaml; or, if it is to start without them, give --without-volumes",
    )


def left_behind(engine: Engine, config: Config, old: Inspect) -> Iterator[str]:
    """What else the new release will not have, a sentence each; of variables only the names."""
    name = old["Name"].lstrip("/")
    given, in_memory = _volumes(config), _tmpfs(config)
    for mount in _mounts(old):
        path = mount["Destination"]
        if path in in_memory:
            yield f"{path} of {name} is {_source(mount)}; the new release holds it in memory (service.tmpfs)"
        elif path not in given:
            yield f"{path} of {name} is {_source(mount)}, and the new release has nothing there"
        elif given[path] != _source(mount):
            yield f"{path} of {name} is {_source(mount)}; in the new release it is {given[path]}"
    image = engine.image(old["Image"])
    usual = set(((image or {}).get("Config") or {}).get("Env") or ())
    own = {line.partition("=")[0] for line in old["Config"]["Env"] or () if line not in usual}
    lacking = sorted(own - set(config.service.env))
    if lacking:
        yield f"{name} has variables that service.env does not name: {', '.join(lacking)}"
    networks = set(old["NetworkSettings"]["Networks"]) - {*_ENGINES_OWN, *config.service.networks}
    if networks:
        yield f"{name} is in networks that service.networks does not name: {', '.join(sorted(networks))}"


def _volumes(config: Config) -> dict[str, str]:
    """What is at which path, both as the engine writes them: without `/` at the end."""
    pairs = (volume.split(":")[:2] for volume in config.service.volumes)
    return {normpath(path): normpath(source) for source, path in pairs}


def _tmpfs(config: Config) -> set[str]:
    return {normpath(path) for path in config.service.tmpfs}


def _mounts(container: Inspect) -> list[Inspect]:
    """Where it keeps what outlives it, sorted; what is in memory does not."""
    found = [mount for mount in container["Mounts"] or () if mount["Type"] != "tmpfs"]
    return sorted(found, key=lambda mount: str(mount["Destination"]))


def _source(mount: Inspect) -> str:
    """A volume's name, a folder's path."""
    return str(mount.get("Name") or mount["Source"])


def _line(mount: Inspect) -> str:
    return f"{_source(mount)}:{mount['Destination']}{'' if mount['RW'] else ':ro'}"
