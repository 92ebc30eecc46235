"""A Docker engine: the one place that speaks to the SDK.

Everything above asks this class; what the SDK raises is mapped to `deployer.errors` by `deployer.host.sdk`.
Answers of the engine are passed on as the engine's own JSON (`Inspect`), whose shape Docker documents better
than we could.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from deployer.errors import (
    Conflict,
    EngineError,
    EngineUnreachable,
    ImageError,
    ImageMissing,
    NotFound,
)
from deployer.host.sdk import TIMEOUT, explanation, mapped, sdk, unreachable
from deployer.interrupts import checkpoint

if TYPE_CHECKING:
    from docker import APIClient


Inspect = dict[str, Any]
"""One object as the engine describes it, e.g. the answer of `GET /containers/{id}/json`."""

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
VERSION = "1.41"
"""Of the engine's API that is tried first: the one of Docker 20.10."""


class Engine:
    """A connection to one Docker engine.

    :param address: `unix:///path` or `tcp://host:port`; None means `DOCKER_HOST`, else the local socket.
    :param dial: opens each connection to the engine, where `address` only says what people call it.
    :raises EngineUnreachable: nothing answers there.
    :raises EngineForbidden: the socket may not be opened.
    """

    def __init__(
        self,
        address: str | None = None,
        environ: Mapping[str, str] = os.environ,
        *,
        dial: Callable[[], socket.socket] | None = None,
    ) -> None:
        self.address = address or environ.get("DOCKER_HOST") or DEFAULT_ADDRESS
        self._dial = dial
        if dial is None and self.address.startswith("ssh://"):
            raise EngineUnreachable(
                f"{self.address} is no address of an engine here",
                remedy="name the host in `hosts` (docs/hosts.md), or forward its socket and give unix:///path",
            )
        try:
            with self._mapped("connecting"):
                self.api: APIClient = self._connected()
        except ValueError as error:  # the libraries' own word for a port, or a name, that is none
            raise unreachable("connecting", self.address, error) from error

    def _connected(self) -> APIClient:
        api = self._client(VERSION)
        answer = api.get(f"{api.base_url}/_ping", timeout=TIMEOUT)
        answer.raise_for_status()
        # Engines refuse versions that are too new or too old for them; a ping has none, and says theirs.
        spoken = answer.headers.get("Api-Version", VERSION)
        if spoken == VERSION:
            return api
        api.close()
        return self._client(spoken)

    def _client(self, version: str) -> APIClient:
        docker = sdk()
        if self._dial is None:
            return cast(
                "APIClient", docker.APIClient(base_url=self.address, version=version, timeout=TIMEOUT)
            )
        from deployer.host.dialled import adapter

        api = docker.APIClient(base_url="unix:///dialled", version=version, timeout=TIMEOUT)
        api.mount("http+docker://", adapter(self._dial, TIMEOUT))
        return cast("APIClient", api)

    def _mapped(self, what: str) -> contextlib.AbstractContextManager[None]:
        checkpoint()
        return mapped(what, self.address)

    def close(self) -> None:
        """Give the connections back."""
        self.api.close()

    # -- the engine itself -------------------------------------------------

    def info(self) -> Inspect:
        """`GET /info`: memory in bytes under `MemTotal`, the data folder under `DockerRootDir`."""
        with self._mapped("asking the engine about itself"):
            return cast(Inspect, self.api.info())

    def data_folder(self) -> str | None:
        """Where an engine of this machine keeps its data.

        None where it is one of another machine, also behind a forwarded socket, or of the one around the
        container that we are in.
        """
        if self._dial is not None or not self.address.startswith("unix://"):
            return None
        info = self.info()
        return str(info["DockerRootDir"]) if info["Name"] == socket.gethostname() else None

    def ping(self) -> bool:
        """Whether the engine answers right now."""
        try:
            with self._mapped("ping"):
                self.api.ping()
        except EngineError:
            return False
        return True

    # -- containers --------------------------------------------------------

    def containers(self, labels: Mapping[str, str] | None = None, *, every: bool = True) -> list[Inspect]:
        """The containers with all of `labels`, stopped ones too, as `GET /containers/json` lists them."""
        filters = {"label": [f"{key}={value}" for key, value in (labels or {}).items()]}
        with self._mapped("listing containers"):
            return cast(list[Inspect], self.api.containers(all=every, filters=filters))

    def container(self, name: str) -> Inspect | None:
        """Inspect a container by name or id; None where there is none."""
        try:
            with self._mapped(f"inspecting container {name}"):
                return cast(Inspect, self.api.inspect_container(name))
        except NotFound:
            return None

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container from the body that `POST /containers/create` takes; its id.

        :raises Conflict: the name is taken.
        :raises ImageMissing: the engine has no such image.
        """
        with self._mapped(f"creating container {name}"):
            try:
                answer = self.api.create_container_from_config(dict(config), name)
            except sdk().errors.NotFound as error:
                if "image" in explanation(error).lower():
                    raise ImageMissing(f"creating container {name}: {explanation(error)}") from error
                raise
            return cast(str, answer["Id"])

    def start(self, name: str) -> None:
        """Start a created or stopped container."""
        with self._mapped(f"starting container {name}"):
            self.api.start(name)

    def stop(self, name: str, timeout: float) -> None:
        """SIGTERM, and SIGKILL after `timeout` seconds; returns once it is down. Missing is fine."""
        with self._mapped(f"stopping container {name}"), contextlib.suppress(sdk().errors.NotFound):
            self.api.stop(name, timeout=round(timeout))

    def kill(self, name: str, signal: str = "KILL") -> None:
        """Send a signal; a container that is not running is fine."""
        with self._mapped(f"signalling container {name}"):
            try:
                self.api.kill(name, signal)
            except sdk().errors.APIError as error:
                if error.status_code not in (404, 409):
                    raise

    def remove(self, name: str) -> None:
        """Kill and remove a container with its anonymous volumes; missing is fine."""
        with self._mapped(f"removing container {name}"):
            try:
                self.api.remove_container(name, v=True, force=True)
            except sdk().errors.APIError as error:
                # 409: its removal is already under way.
                if error.status_code not in (404, 409):
                    raise

    def rename(self, name: str, to: str) -> None:
        """Rename a container. :raises Conflict: `to` is taken."""
        with self._mapped(f"renaming container {name} to {to}"):
            self.api.rename(name, to)

    def set_restart_policy(self, name: str, policy: str) -> None:
        """`no`, `always`, `unless-stopped` or `on-failure`."""
        deadline = time.monotonic() + 5
        while True:
            try:
                with self._mapped(f"setting the restart policy of {name}"):
                    self.api.update_container(name, restart_policy={"Name": policy})
            except EngineError as error:
                # The engine takes its update back where the process just ends; it is soon between restarts.
                if "cannot update container" not in error.message.lower() or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def wait(self, name: str, timeout: float) -> int | None:
        """Wait for a container's exit; its exit code, or None when it still runs after `timeout` s."""
        import requests

        with self._mapped(f"waiting for container {name}"):
            try:
                return int(self.api.wait(name, timeout=max(timeout, 0.1))["StatusCode"])  # 0 is refused
            except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError) as error:
                if self.container(name) is None or "timed out" not in str(error).lower():
                    raise
                return None

    def logs(self, name: str, tail: int = 20) -> list[str]:
        """The last lines of a container's output, both streams; empty where there is no such container."""
        try:
            with self._mapped(f"reading the log of {name}"):
                raw = self.api.logs(name, stdout=True, stderr=True, tail=tail)
        except (NotFound, EngineError):
            return []
        return cast(bytes, raw).decode("utf-8", "replace").splitlines()

    def follow_logs(self, name: str, *, tail: int, follow: bool, timestamps: bool = False) -> Iterator[bytes]:
        """A container's output as it comes, in chunks; `tail` lines of the past, all where negative."""
        with self._mapped(f"reading the log of {name}"):
            chunks = self.api.logs(
                name,
                stdout=True,
                stderr=True,
                tail="all" if tail < 0 else tail,
                follow=follow,
                stream=True,
                timestamps=timestamps,
            )
            yield from cast(Iterator[bytes], chunks)

    def events(self, name: str, actions: Sequence[str], *, since: str) -> list[Inspect]:
        """What has happened to a container up to now, oldest first, as far back as the engine remembers.

        :param since: a time as the engine gives them, by its own clock.
        """
        filters = {"container": name, "event": list(actions)}
        with self._mapped(f"asking what happened to {name}"):
            # Without an end it waits for more; one by our own clock may be long past, or yet to come.
            until = self.api.info()["SystemTime"]
            found = self.api.events(since=_epoch(since), until=_epoch(until), filters=filters, decode=True)
            return list(found)

    def stats(self, name: str) -> Inspect:
        """One sample of a container's resource use; `memory_stats.usage` is in bytes."""
        with self._mapped(f"measuring container {name}"):
            return cast(Inspect, self.api.stats(name, stream=False, one_shot=True))

    def resident(self, name: str) -> int:
        """Bytes of memory that a container's processes have, pages that they share counted for each.

        0 of one that has just ended.

        :raises ValueError: the engine's `ps` answers in a way of its own.
        """
        with self._mapped(f"listing the processes of {name}"):
            # The engine wants to find a column PID.
            found = self.api.top(name, "-eo pid,rss")
        return sum(int(row[1]) for row in found["Processes"] or ()) * 1024

    def put_files(self, name: str, folder: str, files: Mapping[str, str], *, owner: int = 0) -> None:
        """Write small text files into a container, running or not, which only user `owner` may read."""
        from deployer.host.archive import pack

        with self._mapped(f"writing files into {name}"):
            self.api.put_archive(name, folder, pack(files, owner))

    def get_file(self, name: str, path: str) -> str:
        """A small text file of a container, running or not; empty where there is none."""
        from deployer.host.archive import unpack

        try:
            with self._mapped(f"reading {path} from {name}"):
                chunks, _ = self.api.get_archive(name, path)
                return unpack(b"".join(chunks))
        except NotFound:
            return ""

    def exec_socket(self, name: str, command: Sequence[str]) -> Any:
        """Run a command in a container with its standard input attached; the raw, framed socket."""
        with self._mapped(f"running a command in {name}"):
            created = self.api.exec_create(name, list(command), stdin=True, stdout=True, stderr=True)
            return self.api.exec_start(created["Id"], socket=True)

    def exec_stream(
        self, name: str, command: Sequence[str], *, user: str = ""
    ) -> tuple[str, Iterator[bytes]]:
        """A command in a container: the exec's id, and its output as it comes.

        It starts when its output is read.
        """
        with self._mapped(f"running a command in {name}"):
            created = self.api.exec_create(name, list(command), user=user)
        return created["Id"], self._output(name, created["Id"])

    def _output(self, name: str, exec_id: str) -> Iterator[bytes]:
        from deployer.host.framed import output

        with self._mapped(f"running a command in {name}"):
            yield from output(self.api, exec_id)

    def exec_exit_code(self, exec_id: str) -> int:
        """The exit code of an exec. Its output may end before it does: this waits for it."""
        pause = 0.01
        while True:
            with self._mapped("asking for a command's exit code"):
                found = self.api.exec_inspect(exec_id)
            if not found["Running"] and found["ExitCode"] is not None:
                return int(found["ExitCode"])
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def attach_stdin(self, name: str) -> Any:
        """The standard input of a container, as a socket; closing it is the container's end of file."""
        with self._mapped(f"attaching to container {name}"):
            return self.api.attach_socket(name, params={"stdin": 1, "stream": 1})

    # -- networks and volumes ----------------------------------------------

    def networks(self) -> list[Inspect]:
        """All networks of the engine."""
        with self._mapped("listing networks"):
            return cast(list[Inspect], self.api.networks())

    def network(self, name: str) -> Inspect | None:
        """Inspect a network; None where there is none."""
        try:
            with self._mapped(f"inspecting network {name}"):
                return cast(Inspect, self.api.inspect_network(name))
        except NotFound:
            return None

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None, dynamic: str | None = None
    ) -> None:
        """A bridge network with a fixed `subnet`; containers without an address get one from `dynamic`.

        :param subnet: None: a free one of the engine's own pool.
        :raises Conflict: the name is taken, or the subnet overlaps with another network's.
        """
        from docker.types import IPAMConfig, IPAMPool

        ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet, iprange=dynamic)]) if subnet else None
        with self._mapped(f"creating network {name}"):
            try:
                self.api.create_network(
                    name, driver="bridge", ipam=ipam, labels=dict(labels), check_duplicate=True
                )
            except sdk().errors.APIError as error:
                if "overlaps" in explanation(error) or "conflicts" in explanation(error):
                    raise Conflict(f"creating network {name}: {explanation(error)}") from error
                raise

    def remove_network(self, name: str) -> None:
        """Remove a network; missing is fine."""
        with self._mapped(f"removing network {name}"), contextlib.suppress(sdk().errors.NotFound):
            self.api.remove_network(name)

    def connect(self, network: str, container: str, address: str | None = None) -> None:
        """Join a container to a network, at a fixed address if one is given."""
        with self._mapped(f"joining {container} to network {network}"):
            self.api.connect_container_to_network(container, network, ipv4_address=address)

    def disconnect(self, network: str, container: str) -> None:
        """Take a container off a network; its published ports on that network are freed."""
        with self._mapped(f"taking {container} off network {network}"):
            self.api.disconnect_container_from_network(container, network, force=True)

    def create_volume(self, name: str, labels: Mapping[str, str]) -> Inspect:
        """Make sure that a named volume exists; the volume, whose labels are its own if it did already."""
        with self._mapped(f"creating volume {name}"):
            return cast(Inspect, self.api.create_volume(name, labels=dict(labels)))

    def volumes(self, labels: Mapping[str, str]) -> list[Inspect]:
        """The volumes with all of `labels`."""
        filters = {"label": [f"{key}={value}" for key, value in labels.items()]}
        with self._mapped("listing volumes"):
            return cast(list[Inspect], self.api.volumes(filters=filters)["Volumes"] or [])

    def remove_volume(self, name: str) -> None:
        """Remove a volume; missing is fine."""
        with self._mapped(f"removing volume {name}"), contextlib.suppress(sdk().errors.NotFound):
            self.api.remove_volume(name)

    # -- images ------------------------------------------------------------

    def image(self, ref: str) -> Inspect | None:
        """Inspect an image by reference or id; None where the engine has none."""
        try:
            with self._mapped(f"inspecting image {ref}"):
                return cast(Inspect, self.api.inspect_image(ref))
        except (ImageMissing, NotFound):
            return None

    def images(self, labels: Mapping[str, str], *, dangling: bool | None = None) -> list[Inspect]:
        """The images with all of `labels`, as `GET /images/json` lists them: Id, RepoTags, Size, Created."""
        filters: dict[str, Any] = {"label": [f"{key}={value}" for key, value in labels.items()]}
        if dangling is not None:
            filters["dangling"] = dangling
        with self._mapped("listing images"):
            return cast(list[Inspect], self.api.images(filters=filters))

    def build(self, context: Iterable[bytes], **options: Any) -> Iterator[Inspect]:
        """Build from a tar stream (gzip where `encoding="gzip"`); the engine's progress messages.

        :param context: the tar in pieces, sent as they come, so a large context needs little memory.
        :param options: `dockerfile, tag, buildargs, labels, target, pull, nocache, encoding` of the SDK.
        """
        with self._mapped("building an image"):
            yield from self.api.build(fileobj=context, custom_context=True, decode=True, rm=True, **options)

    def pull(self, repository: str, tag: str | None) -> Iterator[Inspect]:
        """Pull an image; the engine's progress messages."""
        with self._mapped(f"pulling {repository}"):
            yield from self.api.pull(repository, tag=tag, stream=True, decode=True)

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image one more name."""
        with self._mapped(f"tagging {image}"):
            self.api.tag(image, repository, tag)

    def save(self, ref: str) -> Iterator[bytes]:
        """An image with its name as `docker save` writes it: a tar, in pieces."""
        with self._mapped(f"reading image {ref}"):
            yield from self.api.get_image(ref)

    def load(self, pieces: Iterable[bytes]) -> None:
        """Take images from a tar that `docker load` takes, gzip or not.

        :raises ImageError: the engine does not accept it.
        """
        with self._mapped("loading an image"):
            complaints = [
                line["error"] for line in self.api.load_image(pieces, quiet=True) if "error" in line
            ]
        if complaints:
            raise ImageError(f"the engine does not take the image: {complaints[0]}")

    def remove_image(self, ref: str) -> Iterable[Inspect]:
        """Remove an image or one of its tags. :raises Conflict: a container uses it."""
        with self._mapped(f"removing image {ref}"):
            return cast(list[Inspect], self.api.remove_image(ref, force=False))

    def prune_dangling(self) -> int:
        """Remove the images without a name that nothing uses; bytes freed."""
        with self._mapped("removing images without a name"):
            return int(self.api.prune_images({"dangling": True})["SpaceReclaimed"] or 0)

    def disk_usage(self) -> Inspect:
        """`GET /system/df`: Images, Containers, Volumes, BuildCache with their sizes in bytes."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                with self._mapped("asking for disk usage"):
                    return cast(Inspect, self.api.df())
            except EngineError as error:
                # The engine counts for one caller at a time, and turns others away until it has done so.
                if "already running" not in error.message or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _epoch(moment: str) -> str:
    """A time as the engine says it, the way that it wants to be told it: in epoch seconds."""
    return f"{datetime.fromisoformat(moment).timestamp():.6f}"
