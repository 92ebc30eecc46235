"""The deployer, or the app, as a process of its own, without the second of importing: a fork of one that has.

    done = nursery.run("deployer", ["status"], cwd=folder, env=environment)
    with nursery.Process("deployer", ["rollout"], cwd=folder, env=environment, stdout=log) as process: ...
    with nursery.talking("tests.support.struck", [order], cwd=folder, env=environment) as talk: talk.ask(line)

What is run is what `python -m MODULE ARGUMENTS` runs, with its own folder, environment, streams, session and
signals. What importing costs is measured elsewhere (`benchmarks`), and what it needs is tested by those tests
that start Python itself.

Each process of pytest has a nursery of its own, which ends with it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, TextIO

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1  # linux/prctl.h
OF_APP = (
    "app",
    "gunicorn",
    "tests.support.quota_worker",
    "tests.support.struck",
)  # all others are the deployer's
_STARTING = threading.Lock()  # threads that begin together have one nursery


class Process:
    """One that runs; as much of `subprocess.Popen` as tests want.

    :ivar returncode: once it has ended and somebody has looked: its exit code, or a signal below zero.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: IO[Any] | None = None,
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
    ) -> None:
        self.args = [module, *arguments]
        self.returncode: int | None = None
        # Of packets: one that ends at once must not have its exit code read as the end of its pid.
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = {"module": module, "arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
        with Path(os.devnull).open("r+b", buffering=0) as nothing:
            streams = [(stream or nothing).fileno() for stream in (stdin, stdout, stderr)]
            with _STARTING:
                line = _nursery()
            socket.send_fds(line, [json.dumps(order).encode()], [*streams, theirs.fileno()])
        theirs.close()
        self.pid = int(self._read(60.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. :raises TimeoutExpired: it has not."""
        if self.returncode is None:
            self.returncode = int(self._read(timeout))
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """A signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and its exit code is on the way
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> str:
        ready, _, _ = select.select([self._line], [], [], timeout)
        if not ready:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        said = self._line.recv(100).decode()
        assert said, f"the nursery has died with {self.args}"
        return said


def run(
    module: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    given: str = "",
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE ARGUMENTS` to its end; `given` is its standard input.

    :raises TimeoutExpired: it took longer, and was killed."""
    with contextlib.ExitStack() as open_:
        streams = [open_.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(given.encode())
        streams[0].seek(0)
        process = Process(
            module, arguments, cwd=cwd, env=env, stdin=streams[0], stdout=streams[1], stderr=streams[2]
        )
        try:
            code = process.wait(timeout)
        except BaseException as error:
            process.kill()
            process.wait()
            error.add_note(f"it had said: {_said(streams[1])}{_said(streams[2])}")
            raise
        said = [_said(stream) for stream in streams[1:]]
    return subprocess.CompletedProcess(process.args, code, said[0], said[1])


@dataclass
class Talk:
    """A process that is written to and read from, and says on standard error what the test's own would."""

    process: Process
    given: TextIO
    said: TextIO

    def ask(self, line: str) -> str:
        """A line to it, and its next one."""
        self.given.write(f"{line}\n")
        self.given.flush()
        return self.said.readline().strip()


@contextlib.contextmanager
def talking(
    module: str, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 60.0
) -> Iterator[Talk]:
    """`python -m MODULE ARGUMENTS`, which ends within `timeout` seconds of the end of what it is given."""
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    with (
        os.fdopen(theirs_in, "rb") as stdin,
        os.fdopen(theirs_out, "wb") as stdout,
        os.fdopen(2, "wb", closefd=False) as stderr,
    ):
        process = Process(module, arguments, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr)
    with os.fdopen(ours_in, "w", encoding="utf-8") as given, os.fdopen(ours_out, encoding="utf-8") as said:
        try:
            yield Talk(process, given, said)
            given.close()
            process.wait(timeout)
        finally:
            process.kill()
            process.wait()


def _said(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


@functools.cache
def _nursery() -> socket.socket:
    """The line to the nursery of this process, which ends when the line does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.nursery", str(theirs.fileno())],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        start_new_session=True,  # Ctrl-C in a terminal is for pytest
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(30)

    atexit.register(end)
    return ours


@functools.cache
def _import_all(of_app: bool) -> None:
    """What the commands import when they run: the app's, or the deployer's and the pipelines'."""
    for package in ("app",) if of_app else ("deployer", "pipelines"):
        for found in _modules(package):
            if not found.endswith("__main__") and ".migrations" not in found:  # which alembic runs
                importlib.import_module(found)
    if of_app:
        importlib.import_module("gunicorn.app.wsgiapp")
        importlib.import_module("gunicorn.workers.gthread")
    else:
        from deployer.config import schema
        from deployer.host.sdk import sdk

        sdk()  # without paramiko, as on a local socket
        importlib.import_module("paramiko")  # which each command on hosts needs
        importlib.import_module("tests.support.crash")
        # Pydantic makes its validators when they are first used.
        config = schema.Config.of({"service": {"name": "shop", "image": "shop:1", "port": 8080}})
        for part in config.parts():
            getattr(config, part.name)
    gc.collect()
    gc.freeze()  # or each child's first collection would copy every page of it


def _modules(package: str) -> Iterator[str]:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        yield found.name


def _serve(orders: socket.socket) -> None:
    """Fork for each order; returns in the children alone, as what was ordered."""
    children: dict[int, socket.socket] = {}
    wake, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    while True:
        ready = select.select([orders.fileno(), wake], [], [])[0]
        if wake in ready:
            os.read(wake, 100)
            while children:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                with contextlib.suppress(OSError):
                    children.pop(pid).send(b"%d" % os.waitstatus_to_exitcode(status))
        if orders.fileno() not in ready:
            continue
        message, files, _, _ = socket.recv_fds(orders, 1 << 20, 4)
        if not message:
            os._exit(0)
        order = json.loads(message)
        _import_all(order["module"] in OF_APP)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _become(order, files, [orders.fileno(), wake, waking])
            return
        line = socket.socket(fileno=files[3])
        line.send(b"%d" % pid)
        children[pid] = line
        for file in files[:3]:
            os.close(file)


def _become(order: dict[str, Any], files: list[int], others: list[int]) -> None:
    os.setsid()
    if order["module"] in OF_APP:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a server would go on after its test
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in {*files, *others} - {0, 1, 2}:
        os.close(file)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = [order["module"], *order["arguments"]]
    try:
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 -- what Python itself would do with it
        traceback.print_exc()
        code = 1
    # As Python ends, but for taking the whole heap apart, which takes longer than most commands.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
