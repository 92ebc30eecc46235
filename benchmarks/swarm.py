"""A Swarm of one node in an engine of its own, so that nobody else's engine becomes a Swarm.

`run` starts this module in network, mount and process namespaces of its own. The first process in them starts
the engine, and when it ends, for whatever reason, the kernel ends all the others and drops mounts and
networks with the namespaces; what is left on disk is removed by the parent. It ends at the latest when its
standard input does, since the parent was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import docker
import requests
from docker import DockerClient

from benchmarks.contest import Outcome, contest
from benchmarks.stand import NEW, OLD, BenchError, Stand, first_answer
from tests.support import names
from tests.support.images import ROOT

FOLDER = "deployer-bench-swarm-"
TOOLS = ("unshare", "ip", "dockerd", "docker")
PORT = 28080  # in a network namespace of its own
NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
CGROUPS = Path("/sys/fs/cgroup")

HEALTH = "python3 -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=1)\""

# Checks and retries as in our own edge; the engine is asked for addresses twice a second.
HAPROXY = f"""
global
    maxconn 2000
resolvers engine
    nameserver dns 127.0.0.11:53
    resolve_retries 3
    timeout resolve 500ms
    timeout retry 500ms
    hold valid 500ms
    hold obsolete 0s
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    retries 3
    retry-on conn-failure
    option redispatch 1
frontend public
    bind :{PORT}
    default_backend app
backend app
    option httpchk GET /health
    default-server check inter 200ms fastinter 100ms rise 2 fall 3 pool-purge-delay 500ms
    server-template shop 4 shop:8080 resolvers engine init-addr none
"""


def impossible() -> str | None:
    """Why this machine cannot do it; None where it can."""
    if os.geteuid() != 0:
        return "only root can start an engine"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=_path()) is None]
    return f"no {', '.join(missing)} here" if missing else None


def run(stand: Stand, haproxy: str, deploys: int) -> Outcome:
    """Deploys by a Swarm; nothing of it is left afterwards. Raises BenchError.

    :param haproxy: an image with HAProxy.
    """
    name = names.service_name()
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{name}-"))
    order = {"folder": str(folder), "name": name, "deploys": deploys}
    order |= {"old": stand.old, "new": stand.new, "haproxy": haproxy}
    try:
        images = [stand.old, stand.new, haproxy]
        subprocess.run(["docker", "save", "--output", folder / "images.tar", *images], check=True)
        process = subprocess.Popen(
            ["unshare", *NAMESPACES, sys.executable, "-m", "benchmarks.swarm", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PATH": _path()},
            start_new_session=True,  # Ctrl-C is for us: the child would die in the middle of a sentence
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdout, process:
            try:
                out = process.stdout.read()
            finally:
                process.stdin.close()  # its end, where it has not come to it
        if process.returncode != 0:
            raise BenchError(f"the Swarm did not work; its engine's last words:\n{_last_words(folder)}")
        return Outcome.from_dict(json.loads(out))
    finally:
        _remove(folder, name)


def sweep() -> None:
    """Removes what a killed run left on disk."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        name = folder.name.removeprefix(FOLDER).rpartition("-")[0]
        if names.abandoned(name):
            _remove(folder, name)


def _remove(folder: Path, name: str) -> None:
    """What the kernel does not drop with the namespaces: files, and groups of the engine's containers."""
    shutil.rmtree(folder, ignore_errors=True)
    for group in (CGROUPS / name, *CGROUPS.glob(f"*/{name}")):
        for inner, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(inner).rmdir()


def _last_words(folder: Path) -> str:
    log = folder / "dockerd.log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(none)"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


# --- in the namespaces ------------------------------------------------------------------------------------


class Swarm:
    """The service `shop` in a Swarm, behind HAProxy; a `Way` to deploy."""

    url = f"http://127.0.0.1:{PORT}"

    def __init__(self, order: dict[str, Any]) -> None:
        self._folder = Path(order["folder"])
        self._images = {OLD: order["old"], NEW: order["new"]}
        self._haproxy: str = order["haproxy"]
        self._cgroup: str = order["name"]
        self._host = f"unix://{self._folder}/socket"
        self._wanted = order["old"]

    def prepare(self) -> None:
        """An engine, a Swarm in it, the service that serves OLD."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self._client = self._engine()
        self._docker("load", "--input", f"{self._folder}/images.tar")
        self._docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        self._docker("network", "create", "--driver", "overlay", "--attachable", "shop")
        options = ["--name", "shop", "--network", "shop", "--endpoint-mode", "dnsrr", "--init"]
        options += ["--mount", "type=volume,source=data,target=/data", "--no-resolve-image"]
        options += ["--health-cmd", HEALTH, "--health-interval", "500ms", "--stop-grace-period", "30s"]
        options += ["--update-order", "start-first", "--update-monitor", "500ms", "--detach"]
        self._docker("service", "create", *options, self._wanted)
        config = self._folder / "haproxy.cfg"
        config.write_text(HAPROXY, encoding="utf-8")
        options = ["--detach", "--network", "shop", "--publish", f"127.0.0.1:{PORT}:{PORT}"]
        options += ["--volume", f"{config}:/haproxy.cfg:ro", self._haproxy]
        self._docker("run", *options, "haproxy", "-db", "-f", "/haproxy.cfg")
        first_answer("127.0.0.1", PORT, "/", OLD, timeout=60)

    def deploy(self, version: str) -> None:
        self._wanted = self._images[version]
        self._docker("service", "update", "--detach", "--no-resolve-image", "--image", self._wanted, "shop")

    def gone(self) -> bool:
        label = {"label": "com.docker.swarm.service.name=shop"}
        running = [item["Image"] for item in self._client.api.containers(filters=label)]
        return running == [self._wanted]

    def _engine(self) -> DockerClient:
        folder = self._folder
        config = folder / "daemon.json"
        config.write_text("{}", encoding="utf-8")  # not the machine's
        options: list[str | Path] = [
            "--host",
            self._host,
            "--config-file",
            config,
            "--cgroup-parent",
            f"/{self._cgroup}",
        ]
        options += [
            "--data-root",
            folder / "data",
            "--exec-root",
            folder / "run",
            "--pidfile",
            folder / "pid",
        ]
        with (folder / "dockerd.log").open("w") as log:
            subprocess.Popen(
                ["dockerd", *map(str, options)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        client = docker.DockerClient(base_url=self._host, version="1.41", timeout=120)
        deadline = time.monotonic() + 60
        while True:
            try:
                client.ping()
            except (docker.errors.DockerException, requests.RequestException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return client

    def _docker(self, *arguments: str) -> None:
        subprocess.run(["docker", "--host", self._host, *arguments], check=True, stdout=subprocess.DEVNULL)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> int:
    order = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    way = Swarm(order)
    way.prepare()
    outcome = contest(way, order["deploys"])
    print(json.dumps(outcome.as_dict()), flush=True)
    os._exit(0)  # threads of the client included, and with us the engine


if __name__ == "__main__":
    main()
