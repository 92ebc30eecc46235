"""One change at a time, by a lock that frees itself.

The lock is a container with a fixed name: the engine makes names unique, so creating it is atomic, and
everybody who can deploy through this engine sees it, whatever machine they are on. It runs a shell that
reads heartbeats from its holder and ends, removing itself, when they stop: at once when the holder dies,
after `PATIENCE` seconds when the connection hangs half open.

Its name is ours as soon as it is created. Starting it takes the engine a quarter of a second, in which its
owner may read, but not change anything: `check` waits for it.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from deployer.errors import Conflict, EngineError, Locked, LockLost, NotFound
from deployer.host.engine import Engine, Inspect

PATIENCE = 8
"""Seconds without a heartbeat after which the lock frees itself."""

_BEAT = 1.0
GRACE = 5.0
"""Seconds that are waited in any case: on a busy host a lock outlives its killed holder by a few moments, and
the command after that is to work."""

_LEAVING = 30.0
"""Seconds for which a lock that nobody holds any more is waited for in any case: an engine whose disk is busy
takes that long to remove it, and a command that was given up for it would have nobody to wait for."""

_STILLBORN = 4.0
"""Seconds after which a lock that was created but not started belongs to a holder that died in between. If
it was only slow, nothing is lost: `check` tells it so before it has changed anything."""


_UNANSWERED = 1.0
"""Seconds for which a container is looked for whose creation the engine was asked for and did not confirm."""

_OWNER = "deployer.lock.token"
"""The label by which a lock knows a container of its own where it was never told the id."""


class Holder(Struct, frozen=True):
    """Who holds the lock: `who` is user@machine, `since` an RFC 3339 time."""

    who: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"{self.who} ({self.command}, since {self.since})"


def lock_name(service: str) -> str:
    """The lock's container of a service."""
    return f"{service}-lock"


def on_all_hosts(service: str) -> str:
    """What a service is called where its lock is that of all its hosts, which stands on each of them."""
    return f"{service}-fleet"


def identity(environ: dict[str, str] | None = None) -> str:
    """Who we are, for locks and release records: `user@machine`, or what DEPLOYER_WHO says."""
    environ = dict(os.environ) if environ is None else environ
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    who = environ.get("DEPLOYER_WHO") or f"{user}@{socket.gethostname()}"
    build = environ.get("BUILD_TAG")
    return f"{who} [{build}]" if build else who


def holder(engine: Engine, service: str) -> Holder | None:
    """Who holds the service's lock; None when it is free."""
    container = engine.container(lock_name(service))
    if container is None or container["State"]["Status"] in ("exited", "dead", "removing"):
        return None
    labels = container["Config"]["Labels"]
    return Holder(
        who=labels.get("deployer.lock.who", "?"),
        command=labels.get("deployer.lock.command", "?"),
        since=_seconds(container["Created"]),
    )


class Lock:
    """The lock of one service, held from `acquire` to `release`.

    :param image: any image on the engine that has bash.
    :param command: what it is held for, shown to those who wait.
    """

    def __init__(self, engine: Engine, service: str, image: str, command: str) -> None:
        self.engine = engine
        self.service = service
        self.image = image
        self.command = command
        self.id = ""
        self._token = secrets.token_hex(8)
        self._asked = False
        self._unstarted: tuple[str, float] | None = None
        self._stdin: Any = None
        self._stop = threading.Event()
        self._starting: Future[None] | None = None

    def acquire(self, patience: float = 0.0, waiting: Callable[[Holder, float], None] | None = None) -> None:
        """Take the lock; nothing may be changed before `check`. Whatever this raises, `release` is to follow.

        :param patience: seconds to wait for somebody else's to go; `GRACE` at least, `_LEAVING` where it has
            no holder any more.
        :param waiting: called once with the holder when we begin to wait.
        :raises Locked: it is still held after `patience`.
        """
        began = time.monotonic()
        told = False
        while not self._try():
            current = holder(self.engine, self.service)
            if time.monotonic() - began >= max(patience, GRACE if current else _LEAVING):
                raise Locked(
                    f"{self.service} is being changed by {current or 'somebody who just finished'}",
                    remedy="wait for it with --lock-wait 10m; the lock frees itself if its holder dies",
                )
            if current and not told and waiting and patience > GRACE:
                told = True
                waiting(current, patience)
            self._clear_stillborn()
            time.sleep(0.05 if current is None else 0.2)

    def check(self) -> None:
        """Make sure that the lock is still ours: called before every step that changes something.

        :raises LockLost: it is gone; somebody else may be at work already.
        """
        lost = LockLost(
            f"the lock of {self.service} was lost (the engine restarted, or this machine slept)",
            remedy="nothing more was changed; run the command again, it starts by putting things right",
        )
        if self._starting is not None:
            try:
                self._starting.result()
            except (NotFound, Conflict) as error:
                # Somebody took us for stillborn: the engine was that slow.
                raise lost from error
        container = self.engine.container(self.id)
        if container is None or not container["State"]["Running"]:
            raise lost

    def release(self) -> None:
        """Give back what `acquire` got, and wait until the container has gone; a second time is fine."""
        self._stop.set()
        if self._starting is not None:
            # Or the engine would start what we are removing.
            wait([self._starting])
        if self._stdin is not None:
            with contextlib.suppress(OSError):
                self._stdin.close()
            self._stdin = None
        with contextlib.suppress(EngineError):
            if self._asked and not self.id:
                self.id = self._unconfirmed()
            if self.id:
                self.engine.remove(self.id)
                deadline = time.monotonic() + GRACE
                while self.engine.container(self.id) and time.monotonic() < deadline:
                    time.sleep(0.02)
        self.id = ""
        self._asked = False

    def _unconfirmed(self) -> str:
        """The id of what was created for us, where a signal or a broken connection came before the answer.

        The engine may still be at it. Empty where it made nothing, or where the name is somebody else's.
        """
        deadline = time.monotonic() + _UNANSWERED
        while (found := self.engine.container(lock_name(self.service))) is None:
            if time.monotonic() >= deadline:
                return ""
            time.sleep(0.02)
        ours = (found["Config"]["Labels"] or {}).get(_OWNER) == self._token
        return str(found["Id"]) if ours else ""

    def _try(self) -> bool:
        self._asked = True
        try:
            self.id = self.engine.create(lock_name(self.service), self._container())
        except Conflict:
            self._asked = False
            return False
        try:
            stream = self.engine.attach_stdin(self.id)
            self._stdin = getattr(stream, "_sock", stream)
        except (NotFound, Conflict):
            # Somebody took us for stillborn: the engine was that slow. Try again.
            self.id = ""
            self._asked = False
            return False
        self._starting = Future()
        threading.Thread(target=self._live, args=(self._starting,), name="lock", daemon=True).start()
        return True

    def _live(self, starting: Future[None]) -> None:
        try:
            self.engine.start(self.id)
        except Exception as error:  # noqa: BLE001 -- whatever it is, `check` raises it
            starting.set_exception(error)
            return
        starting.set_result(None)
        self._beat()

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT):
            try:
                self._stdin.sendall(b".\n")
            except (OSError, AttributeError):
                return

    def _clear_stillborn(self) -> None:
        """Remove somebody's lock that stays unstarted, or that the engine did not remove when it had ended.

        Timed by our own clock, the engine's may differ.
        """
        container: Inspect | None = self.engine.container(lock_name(self.service))
        if container is None or not _is_idle_lock(container):
            self._unstarted = None
        elif self._unstarted is None or self._unstarted[0] != container["Id"]:
            self._unstarted = (container["Id"], time.monotonic())
        elif time.monotonic() - self._unstarted[1] > _STILLBORN:
            self.engine.remove(container["Id"])

    def _container(self) -> dict[str, Any]:
        return {
            "Image": self.image,
            "Cmd": ["bash", "-c", f"trap 'exit 0' TERM INT; while read -r -t {PATIENCE} _; do :; done"],
            "Labels": {
                "deployer.service": self.service,
                "deployer.role": "lock",
                "deployer.lock.who": identity(),
                "deployer.lock.command": self.command,
                _OWNER: self._token,
            },
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "HostConfig": {
                "AutoRemove": True,
                # It speaks to nobody; to make a network namespace for it would take longer than all the rest.
                "NetworkMode": "host",
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "LogConfig": {"Type": "none", "Config": {}},
            },
        }


def _is_idle_lock(container: Inspect) -> bool:
    """Whether a container is a lock that nobody holds, rather than a held one or somebody else's."""
    ours = (container["Config"]["Labels"] or {}).get("deployer.role") == "lock"
    return ours and container["State"]["Status"] in ("created", "exited", "dead")


def _seconds(created: str) -> str:
    """The engine's time with nanoseconds, as an RFC 3339 time in whole seconds."""
    return datetime.fromisoformat(created[:19]).replace(tzinfo=UTC).isoformat()
