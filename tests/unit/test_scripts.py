"""The branches of scripts/*, with stand-ins for the programs that change a machine.

What they do to a real machine is shown in tests/engine/test_own_engine.py.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import runs

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "deployer.local/debian:bookworm"

DOCKERD = """#!{python}
# Listens like an engine; {bin}/dockerd.mode makes it fail as a kernel would.
import os, pathlib, signal, socket, sys
here = pathlib.Path("{bin}")
if (here / "dockerd.mode").exists():
    print('level=fatal msg="overlay not supported"', file=sys.stderr)
    sys.exit(1)
with (here / "dockerd.starts").open("a") as starts:
    print(os.getpid(), file=starts)
path = sys.argv[sys.argv.index("--host") + 1].removeprefix("unix://")
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
def end(*_):
    os.unlink(path)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
listener.listen()
while True:
    listener.accept()[0].close()
"""

CLIENT = """#!{python}
# The docker client: `version` asks the stand-in above; the rest is written down and answered from files.
import os, pathlib, socket, subprocess, sys, time
here = pathlib.Path("{bin}")
words = sys.argv[1:]
with (here / "docker.calls").open("a") as calls:
    print(*words, file=calls)
if words[:1] == ["--host"]:
    try:
        socket.socket(socket.AF_UNIX).connect(words[1].removeprefix("unix://"))
    except OSError:
        sys.exit(1)
    print("99.0")
elif words[0] == "version":
    if (here / "no-engine").exists():
        sys.exit(1)
    print("{arch}")
elif words[:2] == ["image", "inspect"]:
    sys.exit(0 if (here / "image").exists() else 1)
elif words[0] == "pull":
    mode = here / "registry"
    if not mode.exists():
        sys.exit("no such host")
    if mode.read_text() == "hangs":
        time.sleep(600)
elif words[0] in ("tag", "import"):
    (here / "image").touch()
elif words[0] == "load":
    print("Loaded image: shop/base:1")
elif words[0] == "save":
    print("an image")
"""


class Machine:
    """A folder in place of a machine: its programs shadow the real ones, its engine listens in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.socket = folder / "docker.sock"
        self.state = folder / "state"
        arch = subprocess.run(
            ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
        ).stdout.strip()
        self.program("dockerd", DOCKERD.format(python=sys.executable, bin=self.bin))
        self.program("docker", CLIENT.format(python=sys.executable, bin=self.bin, arch=arch))
        self.program("iptables", "#!/bin/sh\n")
        self.program("mountpoint", "#!/bin/sh\n")
        self.user(0)

    def program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def user(self, uid: int) -> None:
        self.program("id", f'#!/bin/sh\n[ "$1" = -u ] && echo {uid} || echo somebody\n')

    @property
    def environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
        return {
            **inherited,
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "ENGINE_SOCKET": str(self.socket),
            "ENGINE_STATE": str(self.state),
            "ENGINE_WAIT": "20",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }

    def run(self, script: str, *arguments: str, expect: int = 0, **environment: str) -> str:
        """What the script says; it must end by itself and leave none of its streams open."""
        done = subprocess.run(
            [str(ROOT / script), *arguments],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == expect, done.stdout
        return done.stdout

    def engine(self, command: str, expect: int = 0, **environment: str) -> str:
        return self.run("scripts/engine", command, expect=expect, **environment)

    @property
    def starts(self) -> list[int]:
        """The process ids of all engines that were ever started here."""
        path = self.bin / "dockerd.starts"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    @property
    def calls(self) -> list[str]:
        """What the docker client was asked, less the questions whether an engine answers."""
        path = self.bin / "docker.calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if not line.startswith(("--host", "version"))]

    @contextlib.contextmanager
    def foreign_engine(self) -> Iterator[int]:
        """An engine that somebody else started; its process id."""
        process = subprocess.Popen([str(self.bin / "dockerd"), "--host", f"unix://{self.socket}"])
        try:
            deadline = time.monotonic() + 20
            while not self.socket.exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
            yield process.pid
            assert process.poll() is None, "somebody ended it"
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def machine() -> Iterator[Machine]:
    # Not tmp_path: the address of a Unix socket holds 107 characters, and other users must get in.
    folder = Path(tempfile.mkdtemp(prefix="machine-"))
    folder.chmod(0o755)
    made = Machine(folder)
    yield made
    made.user(0)
    made.engine("down")
    shutil.rmtree(folder)


# --- scripts/engine -------------------------------------------------------------------------------


def test_an_engine_that_answers_is_not_touched(machine: Machine) -> None:
    with machine.foreign_engine() as pid:
        assert "engine 99.0 answers" in machine.engine("up")
        assert "nothing to do" in machine.engine("down")
        assert "started by" not in machine.engine("status")
        assert machine.starts == [pid]
    assert not machine.state.exists()


def test_up_starts_an_engine_that_outlives_it_and_down_ends_it(machine: Machine) -> None:
    assert "no engine answers" in machine.engine("status", expect=1)
    said = machine.engine("up")
    (pid,) = machine.starts
    assert f"started dockerd (pid {pid})" in said
    assert os.getsid(pid) == pid, "a Ctrl-C meant for `make` would reach it"
    assert f"pid {pid}" in machine.engine("status")
    assert "nothing to do" in machine.engine("up")
    assert machine.starts == [pid]
    assert "ended" in machine.engine("down")
    assert not runs(pid)
    assert "no engine answers" in machine.engine("status", expect=1)


def test_two_at_once_start_one_engine(machine: Machine) -> None:
    runs = [subprocess.Popen([str(ROOT / "scripts/engine"), "up"], env=machine.environment) for _ in range(4)]
    assert [run.wait(timeout=60) for run in runs] == [0, 0, 0, 0]
    assert len(machine.starts) == 1


def test_a_user_who_is_not_root_is_told_to_be(machine: Machine) -> None:
    machine.user(1000)
    said = machine.engine("up", expect=1)
    assert "only root can start one" in said
    assert "sudo" in said
    assert machine.starts == []


def test_a_docker_host_that_does_not_answer_is_not_replaced_by_an_engine_here(machine: Machine) -> None:
    other = f"unix://{machine.folder}/other.sock"
    said = machine.engine("up", expect=1, ENGINE_SOCKET="", DOCKER_HOST=other)
    assert f"DOCKER_HOST={other}" in said
    assert "unset DOCKER_HOST" in said
    assert machine.starts == []


def test_a_socket_that_does_not_open_is_a_matter_of_permission(machine: Machine) -> None:
    with machine.foreign_engine():
        machine.socket.chmod(0o600)
        shutil.copytree(ROOT / "scripts", machine.folder / "scripts")
        if os.geteuid() == 0:  # root opens everything
            nobody: dict[str, object] = {"user": 65534, "group": 65534, "extra_groups": []}
        else:
            machine.socket.chmod(0)
            nobody = {}
        machine.user(1000)
        machine.program("docker", "#!/bin/sh\nexit 1\n")
        done = subprocess.run(
            [str(machine.folder / "scripts/engine"), "up"],
            env=machine.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **nobody,  # type: ignore[call-overload]
        )
        assert done.returncode == 1
        assert "you may not open it" in done.stderr
        assert "usermod -aG docker somebody" in done.stderr


def test_the_pid_file_of_an_earlier_boot_ends_nobody(machine: Machine) -> None:
    machine.state.mkdir()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as bystander:
        (machine.state / "dockerd.pid").write_text(f"{bystander.pid} 1\n")
        assert "gone already" in machine.engine("down")
        assert bystander.poll() is None
        machine.engine("up")
        assert len(machine.starts) == 1


def test_the_engines_own_pid_file_from_an_earlier_boot_does_not_stop_it(machine: Machine) -> None:
    machine.state.mkdir()
    pid_file = machine.state / "engine.pid"
    pid_file.write_text(f"{os.getpid()}\n")  # given to somebody else since
    assert f"removing {pid_file}" in machine.engine("up")
    assert len(machine.starts) == 1


def test_an_engine_that_is_still_starting_is_waited_for(machine: Machine) -> None:
    machine.state.mkdir()
    with machine.foreign_engine() as pid:
        (machine.state / "engine.pid").write_text(f"{pid}\n")
        hidden = machine.socket.rename(machine.folder / "not-yet.sock")
        up = subprocess.Popen(
            [str(ROOT / "scripts/engine"), "up"],
            env=machine.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert up.stderr
        assert "runs already: waiting" in up.stderr.readline()
        hidden.rename(machine.socket)
        assert up.wait(timeout=60) == 0
        up.stderr.close()
        assert machine.starts == [pid]


def test_an_engine_that_does_not_start_shows_why(machine: Machine) -> None:
    (machine.bin / "dockerd.mode").touch()
    said = machine.engine("up", expect=1)
    assert "overlay not supported" in said
    assert "did not come up" in said
    assert not (machine.state / "dockerd.pid").exists()


def test_a_word_that_is_no_command_is_refused(machine: Machine) -> None:
    assert "up|down|status" in machine.engine("restart", expect=2)


# --- scripts/base-image ---------------------------------------------------------------------------


def cached_tarball(machine: Machine) -> Path:
    arch = machine.run(str(machine.bin / "docker"), "version").strip()
    path = machine.folder / "cache" / "deployer" / f"debian-bookworm-{arch}.tar.gz"
    path.parent.mkdir(parents=True)
    root_file_system(path)
    return path


def root_file_system(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(Path(__file__), "etc/debian_version")


def test_a_base_image_that_is_there_is_left_alone(machine: Machine) -> None:
    (machine.bin / "image").touch()
    assert "nothing to do" in machine.run("scripts/base-image")
    assert machine.calls == [f"image inspect {IMAGE}"]


def test_where_a_registry_answers_the_base_image_is_pulled(machine: Machine) -> None:
    (machine.bin / "registry").write_text("answers")
    machine.run("scripts/base-image")
    assert machine.calls[-2:] == ["pull --quiet debian:bookworm-slim", f"tag debian:bookworm-slim {IMAGE}"]


@pytest.mark.parametrize("registry", ["absent", "hangs"])
def test_where_none_answers_what_was_made_before_is_taken(machine: Machine, registry: str) -> None:
    if registry == "hangs":
        (machine.bin / "registry").write_text(registry)
    tarball = cached_tarball(machine)
    said = machine.run("scripts/base-image", DEPLOYER_PULL_TIMEOUT="1")
    assert "no registry gave it" in said
    assert machine.calls[-1].endswith(f"{tarball} {IMAGE}")


def test_making_the_base_image_is_for_root(machine: Machine) -> None:
    machine.user(1000)
    said = machine.run("scripts/base-image", expect=1)
    assert "only root can make it" in said
    assert "--from TARBALL" in said


def test_a_failed_bootstrap_shows_why_and_keeps_nothing(machine: Machine) -> None:
    machine.program("debootstrap", '#!/bin/sh\nmkdir -p "$3/usr"; echo "E: no mirror"; exit 1\n')
    machine.program("apt-get", "#!/bin/sh\n")
    scratch = machine.folder / "tmp"
    scratch.mkdir()
    said = machine.run("scripts/base-image", expect=1, TMPDIR=str(scratch))
    assert "E: no mirror" in said
    assert list(scratch.iterdir()) == []
    assert not (machine.bin / "image").exists()


def test_a_base_image_comes_from_a_root_file_system(machine: Machine) -> None:
    tarball = machine.folder / "debian.tar.gz"
    root_file_system(tarball)
    machine.run("scripts/base-image", "--from", str(tarball))
    assert machine.calls[-1].startswith("import ")
    assert machine.calls[-1].endswith(f"{tarball} {IMAGE}")


def test_a_base_image_comes_from_a_saved_image_under_our_name(machine: Machine) -> None:
    tarball = machine.folder / "saved.tar"
    with tarfile.open(tarball, "w") as tar:
        tar.add(Path(__file__), "manifest.json")
    machine.run("scripts/base-image", "--from", str(tarball))
    assert machine.calls == [f"load --input {tarball}", f"tag shop/base:1 {IMAGE}"]


def test_a_base_image_is_saved_whole(machine: Machine) -> None:
    (machine.bin / "image").touch()
    tarball = machine.folder / "saved.tar.gz"
    machine.run("scripts/base-image", "--save", str(tarball))
    assert subprocess.run(["gzip", "-dc", tarball], capture_output=True, check=True).stdout == b"an image\n"
    assert not tarball.with_name("saved.tar.gz.part").exists()


def test_without_an_engine_the_base_image_names_the_remedy(machine: Machine) -> None:
    (machine.bin / "no-engine").touch()
    assert "scripts/engine up" in machine.run("scripts/base-image", expect=1)


# --- the others -----------------------------------------------------------------------------------


def test_an_old_python_is_refused_by_name(machine: Machine) -> None:
    machine.program("old-python", "#!/bin/sh\nexit 1\n")
    said = machine.run("scripts/venv", expect=1, PYTHON="old-python")
    assert "old-python is not Python 3.11 or later" in said


def test_missing_commands_are_named_to_who_may_not_install(machine: Machine) -> None:
    for name in ("bash", "dirname", "readlink", "apt-get", "git", "gzip"):
        found = shutil.which(name)
        assert found
        (machine.bin / name).symlink_to(found)
    machine.user(1000)
    said = machine.run("scripts/system-packages", expect=1, PATH=str(machine.bin))
    assert "sudo apt-get install" in said
    assert "openssl" in said
    assert "gzip" not in said


def test_ci_passes_on_the_exit_code_and_has_no_stdin(machine: Machine) -> None:
    shutil.copytree(ROOT / ".ci", machine.folder / ".ci")
    machine.program("make", '#!/bin/sh\necho "make $* with CI=$CI and input: $(cat)"; exit 7\n')
    done = subprocess.run(
        [str(machine.folder / ".ci/run")],
        env=machine.environment,
        input="something",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    assert "make test with CI=true and input: \n" in done.stdout
