"""scripts/engine and scripts/base-image on the real dockerd: one of its own, in a network of its own.

It stands beside the engine that all other tests use, and that must not notice.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "deployer.local/debian:bookworm"

pytestmark = pytest.mark.root


class OwnEngine:
    """A folder with a socket, the images and the state of an engine that `scripts/engine` starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/s"
        self._settings = {
            "ENGINE_SOCKET": f"{folder}/s",
            "ENGINE_ROOT": f"{folder}/data",
            "ENGINE_STATE": f"{folder}/state",
        }

    def script(self, command: str, expect: int = 0) -> str:
        # A network of its own: two engines would fight over docker0 and the firewall.
        done = _run(["unshare", "--net", str(ROOT / "scripts/engine"), command], **self._settings)
        assert done.returncode == expect, done.stdout
        return done.stdout

    def base_image(self, *arguments: str) -> str:
        done = _run([str(ROOT / "scripts/base-image"), *arguments], DOCKER_HOST=self.address)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def docker(self, *arguments: str) -> str:
        done = _run(["docker", "--host", self.address, *arguments])
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def pid(self) -> int:
        return int((self.folder / "state" / "engine.pid").read_text())

    @property
    def processes(self) -> list[str]:
        """The command lines that name the folder: dockerd, its containerd, their shims."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_text().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(self.folder) in words:
                found.append(words)
        return found

    def remove(self) -> None:
        self.script("down")
        for line in Path("/proc/mounts").read_text().splitlines():
            if (point := line.split()[1]).startswith(str(self.folder)):
                subprocess.run(["umount", point], check=True)
        shutil.rmtree(self.folder)


def _run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def own() -> Iterator[OwnEngine]:
    own = OwnEngine(Path(tempfile.mkdtemp(prefix="own-", dir="/var/tmp")))  # overlays need a real disk
    yield own
    own.remove()


def test_an_engine_and_a_base_image_from_nothing_but_files(
    own: OwnEngine, engine: DockerClient, tmp_path: Path
) -> None:
    before = engine.info()["ID"]
    tarball = str(tmp_path / "base.tar.gz")
    saved = _run([str(ROOT / "scripts/base-image"), "--save", tarball])
    assert saved.returncode == 0, saved.stdout

    assert "started dockerd" in own.script("up")
    assert "nothing to do" in own.script("up")
    own.base_image("--from", tarball)
    assert "nothing to do" in own.base_image()
    options = ("--rm", "--init", "--network=none")
    assert "bookworm" in own.docker("run", *options, IMAGE, "cat", "/etc/os-release")

    assert "ended" in own.script("down")
    assert own.processes == []
    assert engine.info()["ID"] == before


def test_an_engine_that_was_killed_is_started_again(own: OwnEngine) -> None:
    own.script("up")
    killed = own.pid
    os.kill(killed, signal.SIGKILL)
    assert "no engine answers" in own.script("status", expect=1)
    assert "which a dockerd that is gone has left" in own.script("up")
    assert own.pid != killed
    assert "started by" in own.script("status")
