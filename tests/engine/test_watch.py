"""Looking after a real service: nothing while it is well, each change once; and the timer that does it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from docker import DockerClient

from deployer.config.load import load
from deployer.watch.schedule import script
from tests.engine.conftest import Variant
from tests.support import engine as support
from tests.support import names
from tests.support.project import Project
from tests.support.waiting import until

# What this machine lacks, and what becomes of containers of other tests, is not what is looked at here.
IGNORED = ["swap", "memory", "disk*", "inodes*", "oom"]
WATCH = {"looks": 1, "quiet": "0s", "state": "state", "ignore": IGNORED}


@pytest.fixture
def watched(shop_project: Project) -> Project:
    shop_project.config(watch={**WATCH, "ignore": [*IGNORED, "restarts [!t]*"]})
    return shop_project


def told(project: Project) -> list[tuple[str, str]]:
    """What a look tells of this service, as (what, state)."""
    changes: list[dict[str, Any]] = project.json("watch", expect=None)["changes"]
    return [
        (change["what"], change["state"])
        for change in changes
        if change["what"] != "restarts" or change["subject"].startswith(project.name)
    ]


def ask(project: Project) -> int:
    return requests.get(project.url, timeout=30).status_code


def test_each_change_is_told_once(watched: Project, variant: Variant) -> None:
    assert told(watched) == []  # nothing has been deployed yet
    watched.run("rollout", "--image", variant(V="fails", FAIL_AFTER_REQUESTS="0"))
    assert told(watched) == []
    assert told(watched) == []

    # Visitors get errors.
    assert {ask(watched) for _ in range(10)} == {500}
    assert told(watched) == [("errors", "error")]
    assert told(watched) == [("errors", "ok")]

    # It dies, and the engine starts it again.
    container = watched.client.containers.get(watched.status()["active"]["container"])
    container.exec_run(["sh", "-c", "kill -9 -1"])

    def restarted() -> bool:
        container.reload()
        return container.attrs["RestartCount"] == 1 and is_ready()

    def is_ready() -> bool:
        return bool(watched.status()["active"]["ready"])

    until(restarted, "it was started again, and answers")
    assert told(watched) == [("restarts", "warning")]
    assert told(watched) == [("restarts", "ok")]

    # Somebody stops it.
    container.kill()
    assert told(watched) == [("service", "error")]
    assert told(watched) == []
    container.start()
    until(is_ready, "it answers")
    assert told(watched) == [("service", "ok")]
    assert told(watched) == []

    # Somebody removes all of it.
    support.remove(watched.client, watched.name)
    assert told(watched) == [("service", "error")]
    watched.run("watch", "--forget")
    assert told(watched) == []


# -- the timer -----------------------------------------------------------------------------------------------

Sh = Callable[..., str]


@pytest.fixture
def machine(engine: DockerClient, shop: str) -> Iterator[Sh]:
    """machine(command, given="") -> what it printed, run as root on a system of its own."""
    name = names.service_name()
    container = engine.containers.run(shop, ["sleep", "600"], name=name, detach=True, init=True)

    def run(command: str, given: str = "") -> str:
        words = ["docker", "exec", "-i", name, "sh", "-c", command]
        done = subprocess.run(words, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    container.remove(force=True)


def test_the_timer_comes_and_goes(machine: Sh, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("service: {name: shop, image: shop:1, port: 80}")
    config = load(path, environ={})
    make, remove = script(config, os.environ), script(config, os.environ, remove=True)
    unit = "deployer-watch-shop"

    # Where there is only cron.
    said = machine("PLAN=1 sh -s", make)
    assert f"change /etc/cron.d/{unit}" in said
    assert machine(f"ls /etc/cron.d/{unit} 2>/dev/null || true") == ""
    assert "nobody would look" in machine("sh -s", make)
    machine("touch /usr/bin/cron && chmod +x /usr/bin/cron")
    assert machine("sh -s", make) == f"ok /etc/deployer/{unit}\nok /etc/cron.d/{unit}\n"
    assert machine(f"stat -c %a /etc/deployer/{unit} /etc/cron.d/{unit}") == "755\n644\n"
    # What cron would run: it finds the secrets, the folder, and the words.
    machine(f"mkdir -p {tmp_path} && echo 'HOOK=a b' | sed \"s/=.*/='a b'/\" > /etc/deployer/{unit}.env")
    look = machine(f"sed 's/exec /exec echo \"$HOOK $PWD\" /' /etc/deployer/{unit} | sh")
    assert look.startswith(f"a b {tmp_path} ")
    assert look.endswith(f" -m deployer watch --config {path}\n")
    assert machine("sh -s", remove).count("is removed") == 2
    assert machine("sh -s", remove) == ""

    # Where systemd runs: a stand-in that writes down what it is told.
    machine("mkdir -p /run/systemd/system /etc/systemd/system")
    machine(
        "printf '#!/bin/sh\\necho \"$*\" >>/var/told\\n' >/usr/bin/systemctl && chmod +x /usr/bin/systemctl"
    )
    machine("sh -s", make)
    assert machine("cat /var/told").splitlines() == [
        "daemon-reload",
        f"enable --quiet {unit}.timer",
        f"restart {unit}.timer",
    ]
    assert machine("sh -s", make).count("ok ") == 2
    assert machine("wc -l </var/told").strip() == "3"
    assert "change" in machine("PLAN=1 sh -s", remove)
    machine("sh -s", remove)
    assert machine("tail -n 2 /var/told").splitlines() == [
        f"disable --quiet --now {unit}.timer",
        "daemon-reload",
    ]
    assert machine("ls /etc/systemd/system /etc/cron.d 2>/dev/null || true").count(unit) == 0
