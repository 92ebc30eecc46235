"""A Docker engine of a test's own, beside the machine's, which it may kill and restart.

It is in the same network namespace, since the edge needs the host's network, and keeps its hands off all that
the engines would share: a bridge, files and sockets of its own, no firewall rules. (No bridge at all would be
simpler, but `--bridge=none` removes docker0, whoever's that is.) Networks on it need subnets that no other
engine gives out: `subnet(port)`. What a killed session leaves is removed by the next.

Root only.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
from docker import DockerClient

from tests.support.names import PORTS, abandoned, free_port, service_name
from tests.support.waiting import until

FOLDERS = Path("/var/tmp")  # overlays need a real disk; the sockets need a short path
SHIM = "containerd-shim-runc-v2"
SUBNETS = ipaddress.IPv4Network("10.216.0.0/13")


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def subnet(port: int) -> str:
    """A /28 for the service on this port of the machine."""
    return f"{SUBNETS.network_address + (port - PORTS.start) * 16}/28"


class SecondEngine:
    """An engine with an address of its own; `start()` returns when it answers."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or FOLDERS / service_name()
        self.address = f"unix://{self.folder}/sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._client: DockerClient | None = None

    @property
    def _bridge(self) -> str:
        """What stands in for docker0, by a name of at most 15 characters."""
        return self.folder.name.replace("-", "")[:15]

    @property
    def client(self) -> DockerClient:
        if self._client is None:
            self._client = docker.DockerClient(self.address, version="1.41", timeout=120)
        return self._client

    def start(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir()
            (self.folder / "daemon.json").write_text("{}")
            network = ipaddress.IPv4Network(subnet(free_port()))
            ip(f"link add {self._bridge} type bridge")
            ip(f"address add {network[1]}/{network.prefixlen} dev {self._bridge}")
            ip(f"link set {self._bridge} up")
        for stale in (self.folder / "pid", self.folder / "exec/containerd/containerd.pid"):
            stale.unlink(missing_ok=True)  # its number may be another process's by now
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd",
                    f"--config-file={self.folder}/daemon.json",
                    f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec",
                    f"--pidfile={self.folder}/pid",
                    f"--host={self.address}",
                    f"--bridge={self._bridge}",
                    "--iptables=false",
                    "--ip6tables=false",
                    "--ip-masq=false",
                    "--ip-forward=false",
                    "--shutdown-timeout=5",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"GOGC": "400", **os.environ},
            )
        until(self.answers, f"the second engine answers; see {self.folder}/log")

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (docker.errors.DockerException, OSError):
            if self._process and self._process.poll() is not None:
                log = (self.folder / "log").read_text().splitlines()[-20:]
                raise AssertionError("\n".join(["the second engine ended:", *log])) from None
            return False

    def end(self, number: signal.Signals) -> None:
        """Ends dockerd: with SIGTERM it stops its containers first, with SIGKILL it does not."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=60)
        # Its containerd dies with it; until then it holds the sockets that a new one needs.
        until(lambda: not self._running("containerd"), "the second engine's containerd has gone")

    def copy(self, source: DockerClient, *images: str) -> None:
        """Images from another engine, with their names."""
        save = ["docker", "save", *images]
        with subprocess.Popen(save, stdout=subprocess.PIPE) as saved:
            assert saved.stdout is not None
            self.client.api._post(self.client.api._url("/images/load"), data=saved.stdout).raise_for_status()
            saved.stdout.read()
        assert saved.returncode == 0
        for image in images:
            assert self.client.images.get(image).id == source.images.get(image).id

    def remove(self) -> None:
        """Ends all of its processes, and removes every trace."""
        if self._client is not None:
            self._client.close()
        # First those that would start others again.
        for name in ("dockerd", "containerd", SHIM):
            for pid in self._running(name):
                for number in (*_descendants(pid), pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        until(lambda: not self._running(SHIM), "the second engine's processes have gone")
        for bridge in (self._bridge, *self._bridges()):
            with contextlib.suppress(subprocess.CalledProcessError):
                ip(f"link delete {bridge}")
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (point := line.split()[1]).startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
        shutil.rmtree(self.folder)

    def _running(self, name: str) -> list[int]:
        """The processes of a program that work in the folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_text().split("\0")
                zombie = (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except (FileNotFoundError, ProcessLookupError):
                continue
            mine = any(f"{self.folder}/" in word for word in words[1:])
            if mine and not zombie and Path(words[0]).name == name:
                found.append(int(path.name))
        return found

    def _bridges(self) -> Iterator[str]:
        """The devices of its networks, also when it runs no more."""
        kept = self.folder / "data/network/files/local-kv.db"
        if kept.exists():
            content = kept.read_bytes()
            for device in Path("/sys/class/net").glob("br-*"):
                if device.name.removeprefix("br-").encode() in content:
                    yield device.name


def _descendants(pid: int) -> list[int]:
    """All processes below one."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(path.parent.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def sweep() -> None:
    """Removes the engines of sessions that were killed."""
    for folder in FOLDERS.iterdir():
        if abandoned(folder.name) and (folder / "data").exists():
            SecondEngine(folder).remove()
