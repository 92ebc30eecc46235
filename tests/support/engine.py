"""What a service has on the engine, and how to remove it: by the deployer's labels, and by its name.

By name too, since a volume that is made on the fly has no label, and a deployer under test may forget one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from docker import DockerClient
from docker.errors import APIError, NotFound

from tests.support.names import abandoned

SERVICE = "deployer.service"
ROLE = "deployer.role"


@dataclass(frozen=True)
class Found:
    """A container, network, volume or image tag; `text` is for a failed assertion."""

    kind: str
    name: str
    service: str  # from the label; empty without one
    role: str
    state: str = ""

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.kind, self.name, self.role, self.state) if part)


def everything(client: DockerClient) -> Iterator[Found]:
    """All containers, networks, volumes and image tags on the engine, also other people's."""
    api = client.api
    for item in api.containers(all=True):
        labels = item.get("Labels") or {}
        name = next(iter(item["Names"] or [item["Id"]])).lstrip("/")
        yield Found("container", name, labels.get(SERVICE, ""), labels.get(ROLE, ""), item["State"])
    for item in api.networks():
        labels = item.get("Labels") or {}
        yield Found("network", item["Name"], labels.get(SERVICE, ""), labels.get(ROLE, ""))
    for item in api.volumes()["Volumes"] or ():
        labels = item.get("Labels") or {}
        yield Found("volume", item["Name"], labels.get(SERVICE, ""), labels.get(ROLE, ""))
    for item in api.images():
        labels = item.get("Labels") or {}
        for tag in item.get("RepoTags") or ("<none>:<none>",):
            name = item["Id"] if tag == "<none>:<none>" else tag
            yield Found("image", name, labels.get(SERVICE, ""), labels.get(ROLE, ""))


def belongings(client: DockerClient, service: str) -> list[Found]:
    """What belongs to a service, containers first, in the order in which it can be removed."""
    return [item for item in everything(client) if item.service == service or item.name.startswith(service)]


def left(client: DockerClient, service: str) -> list[Found]:
    """What a command that is over has left of a service; no lock that the engine is just removing.

    A deployer waits for its lock to be gone, but not for ever.
    """
    return [item for item in belongings(client, service) if (item.role, item.state) != ("lock", "removing")]


def remove(client: DockerClient, service: str) -> None:
    """Removes all that belongs to a service; also what a deployer that is just being killed still makes.

    Raises AssertionError with what cannot be removed.
    """
    deadline = time.monotonic() + 30
    while left := belongings(client, service):
        for item in left:
            _remove(client, item)
        if time.monotonic() > deadline:
            raise AssertionError(f"cannot be removed: {[item.text for item in left]}")


def sweep(client: DockerClient) -> None:
    """Removes what killed test sessions left: every name of a test whose process is gone."""
    for item in everything(client):
        name = item.service or item.name
        if abandoned(name):
            _remove(client, item)


def _remove(client: DockerClient, item: Found) -> None:
    api = client.api
    ways: dict[str, Callable[[], object]] = {
        "container": lambda: api.remove_container(item.name, force=True, v=True),
        "network": lambda: api.remove_network(item.name),
        "volume": lambda: api.remove_volume(item.name, force=True),
        "image": lambda: api.remove_image(item.name, force=True),
    }
    try:
        ways[item.kind]()
    except NotFound:
        pass  # an auto-removed container, or another session's sweep, was faster
    except APIError as error:
        # Being removed, or used by what is not gone yet: whoever wants it gone looks again.
        if error.status_code not in (403, 409):
            raise
