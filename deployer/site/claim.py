"""Who may change the site: one command at a time, by a compare-and-swap on the pointer.

The right to work is the pointer's `pending`, written with If-Match before anything else is. Whoever has it
counts its `beat` up every few seconds, with If-Match again; so it learns at once that it was taken away.
Whoever finds somebody else's waits for a sign of life, by a clock of its own: no two clocks are compared. No
sign for `PATIENCE` seconds, or on the same machine no such process, and the holder is dead: the right is
taken over.

A holder that was only suspended finds its `pending` gone at its next `check`, or before it begins its next
file. Pages are written with If-Match on what was seen: one that it had in its hand meanwhile is refused.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from deployer.errors import Locked, LockLost, Superseded
from deployer.events import Emit, LockAwaited
from deployer.site.manifest import JSON, Keys, Pending, Pointer, Process
from deployer.site.store import Store

BEAT = 2.0
PATIENCE = 8.0
"""Seconds without a sign of life after which a holder is taken for dead."""
_LOOK = 0.25
# It goes on while a machine sleeps, where the system has such a clock: that is when others take over.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Sleep = Callable[[float], None]


class Seen(Struct, frozen=True):
    """The pointer as it was read; `etag` is None where there is none yet."""

    pointer: Pointer
    etag: str | None


def read_pointer(store: Store, keys: Keys) -> Seen:
    """The pointer; an empty one before the first release. :raises SiteDamaged: it is unreadable."""
    found = store.read(keys.pointer)
    if found is None:
        return Seen(Pointer(), None)
    body, etag = found
    return Seen(Pointer.from_json(body, keys.pointer), etag)


def this_process() -> Process:
    """How another process on this machine recognises us; empty where the system does not say."""
    pid = os.getpid()
    return Process(
        boot=_text(Path("/proc/sys/kernel/random/boot_id")),
        namespace=_namespace(),
        pid=pid,
        started=_started(pid) or "",
    )


def is_gone(process: Process | None) -> bool:
    """Whether the process has given up, or surely runs no more; False where that cannot be told from here."""
    if process is None:
        return True
    here = (_text(Path("/proc/sys/kernel/random/boot_id")), _namespace())
    if not process.boot or (process.boot, process.namespace) != here:
        return False
    return _started(process.pid) != process.started


def await_turn(
    store: Store, keys: Keys, seen: Seen, wait: float, emit: Emit, sleep: Sleep = time.sleep
) -> Seen:
    """The pointer once nobody is at work: as it was, or with the `pending` of somebody dead.

    :param wait: seconds to wait for somebody who lives.
    :raises Locked: they are still at it.
    """
    deadline = time.monotonic() + wait
    told = False
    while seen.pointer.pending is not None and not is_gone(seen.pointer.pending.process):
        holder = seen.pointer.pending
        if not told:
            emit(LockAwaited(str(holder), max(wait, PATIENCE)))
            told = True
        last_sign = time.monotonic()
        while True:
            sleep(_LOOK)
            now = read_pointer(store, keys)
            if now.etag != seen.etag:
                seen = now
                break
            if time.monotonic() - last_sign >= PATIENCE:
                return seen
        if seen.pointer.pending is not None and time.monotonic() >= deadline:
            raise locked(seen.pointer.pending)
    return seen


def locked(holder: Pending | None) -> Locked:
    """Somebody else is at work on the site."""
    return Locked(
        f"somebody else is at work on the site: {holder or 'they have just changed it'}",
        remedy="wait for them with --lock-wait 10m, and look with `deployer site status`",
    )


class Claim:
    """The right to change the site, from `take` on until `set` writes a pointer without `pending`."""

    def __init__(self, store: Store, keys: Keys, seen: Seen) -> None:
        self._store = store
        self._keys = keys
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None
        self._lost = False
        self._signed = 0.0
        self.pointer = seen.pointer
        self.etag = seen.etag
        self.plain_etags = True
        """Whether the bucket's etags are MD5s; they are not where it encrypts with a key of its owner's."""

    def take(self, pending: Pending, pointer: Pointer | None = None) -> None:
        """Become the one at work.

        :param pointer: the pointer otherwise, where it is to change at the same time.
        :raises Superseded: the pointer is not what it was when it was read.
        """
        self.set(replace(pointer or self.pointer, pending=pending))
        self._heart = threading.Thread(target=self._beat, name="site-claim", daemon=True)
        self._heart.start()

    def set(self, pointer: Pointer) -> None:
        """Write the pointer.

        :raises LockLost: the right was taken away.
        """
        with self._guard:
            self._swap(pointer)
            if pointer.pending is None or pointer.pending.process is None:
                self._ended.set()

    def leave(self) -> None:
        """Leave the right to whoever comes next, with all that `pending` says is yet to be done.

        :raises LockLost: it was taken away.
        """
        with self._guard:
            self._swap(replace(self.pointer, pending=replace(self._pending(), process=None)))
            self._ended.set()

    def check(self) -> None:
        """Fence: make sure, by writing, that the right is still ours.

        :raises LockLost: it was taken away.
        """
        with self._guard:
            self._swap(self._beaten())

    def assure(self) -> None:
        """Before each thing that is begun: what `check` does, but only where nobody has heard of us for long.

        :raises LockLost: the right was taken away.
        """
        if self._recent():
            return
        with self._guard:
            if not self._recent():  # many may have come here at the same time
                self._swap(self._beaten())

    def _recent(self) -> bool:
        """Whether nobody can have taken us for dead by now. :raises LockLost: somebody has."""
        if self._lost:
            raise _lost()
        return _now() - self._signed < PATIENCE / 2

    def step(self, name: str, invalidate: Collection[str] = ()) -> None:
        """`check`, and say that the next step begins.

        :param invalidate: paths that the distribution must be told of once it has begun, besides those that
            `pending` has already.
        """
        with self._guard:
            pending = self._pending()
            if invalidate:
                # What was asked for under the reference of whoever was here before was something else.
                paths = tuple(sorted({*pending.invalidate, *invalidate}))
                pending = replace(pending, invalidate=paths, reference="")
            self._swap(replace(self.pointer, pending=replace(pending, step=name, beat=pending.beat + 1)))

    def close(self) -> None:
        """Stop the signs of life; the right itself ends with the pointer that was `set`."""
        self._ended.set()
        if self._heart is not None:
            self._heart.join()

    @property
    def held(self) -> bool:
        """Whether the right is ours, as far as we know."""
        return self._heart is not None and not self._lost and self.pointer.pending is not None

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            try:
                with self._guard:
                    if self._ended.is_set():
                        return
                    self._swap(self._beaten())
            except LockLost:
                return  # the next check says so
            except Exception:  # noqa: BLE001, S112  (the next one may get through; whoever works sees the trouble)
                continue

    def _beaten(self) -> Pointer:
        pending = self._pending()
        return replace(self.pointer, pending=replace(pending, beat=pending.beat + 1))

    def _pending(self) -> Pending:
        if self._lost or self.pointer.pending is None:
            raise _lost()
        return self.pointer.pending

    def _swap(self, pointer: Pointer) -> None:
        if self._lost:
            raise _lost()
        body = pointer.to_json()
        first = self.pointer.pending is None or self._heart is None
        began = _now()
        try:
            if self.etag is None:
                etag = self._store.write(self._keys.pointer, body, JSON, if_absent=True)
            else:
                etag = self._store.write(self._keys.pointer, body, JSON, if_match=self.etag)
        except Superseded:
            # A store may have done it and failed to say so, and then refuse the repetition.
            found = self._store.read(self._keys.pointer)
            if found is None or found[0] != body:
                if first:
                    raise
                self._lost = True
                raise _lost() from None
            etag = found[1]
        self.plain_etags = etag == _md5(body)
        self.pointer, self.etag, self._signed = pointer, etag, began


def _lost() -> LockLost:
    return LockLost(
        "the right to change the site was taken over by somebody else, since we gave no sign of life",
        remedy="see `deployer site status`, then run the command again",
    )


def _now() -> float:
    return time.clock_gettime(_CLOCK)


def _md5(body: bytes) -> str:
    import hashlib

    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115  (no path of a file: pid:[4026531836])
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process began, in ticks since the boot; None where there is no such process."""
    stat = _text(Path(f"/proc/{pid}/stat"))
    # The name in parentheses may hold anything, spaces and parentheses too.
    fields = stat.rpartition(")")[2].split()
    return None if len(fields) < 20 or fields[0] in "ZX" else fields[19]
