"""No engine, or one that may not be asked: said clearly, by every command, and quickly."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.names import free_port
from tests.support.project import Project

COMMANDS = (
    ("rollout",),
    ("rollout", "--plan"),
    ("rollback",),
    ("recover",),
    ("adopt", "anybody"),
    ("status",),
    ("releases",),
    ("prune",),
    ("logs",),
    ("edge", "status"),
    ("edge", "maintenance", "on"),
    ("edge", "upgrade"),
    ("lock",),
)


def without_privilege(command: Sequence[str]) -> list[str]:
    """A command as somebody for whom permissions count: root passes them by, unless it may not."""
    if os.geteuid() != 0:
        return list(command)
    drop = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", *command]


@pytest.fixture
def forbidden() -> Iterator[str]:
    """The address of a socket that somebody listens on, and that nobody may open."""
    with TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "sock"
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        yield f"unix://{path}"


def test_a_socket_without_permission_names_the_group(project: Project, forbidden: str) -> None:
    done = subprocess.run(
        without_privilege([sys.executable, "-m", "deployer", "status"]),
        cwd=project.folder,
        env=project.environment({"DOCKER_HOST": forbidden}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "no permission to open the Docker engine's socket" in done.stderr
    assert forbidden in done.stderr
    assert "usermod -aG docker" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_engine_is_said_by_every_command(project: Project, words: tuple[str, ...]) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{project.folder}/nobody.sock"}
    done = project.run(*words, expect=4, env=nowhere)
    assert "no Docker engine answers at" in done.stderr
    assert nowhere["DOCKER_HOST"] in done.stderr
    assert "start the engine" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "unix://{folder}/config.yaml"])
def test_an_address_where_no_engine_is(project: Project, address: str) -> None:
    wrong = address.format(port=free_port(), folder=project.folder)
    project.config(host={"docker": wrong})
    error = json.loads(project.run("status", "--json", expect=4).stdout)
    assert error["error"] == "EngineUnreachable"
    assert wrong in error["message"]
    assert error["remedy"]
