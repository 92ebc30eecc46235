"""The deployer, with an accident before its n-th effect.

    python -m tests.support.crash KILL 7 rollout --image shop:2
    python -m tests.support.crash KILL 7 pipelines backend
    python -m tests.support.crash cut=/tmp/x.sock@:2201 7 rollout

An effect is a call that changes something: on the engine (create, start, stop, ...), in HAProxy, in the
edge's files, in the lock, in the site's bucket; and each step of a build, when it begins.
The process sends itself the signal right before the n-th one, so that running with n = 1, 2, 3, ... visits
every moment between two effects. When there are fewer, the command just runs to its end. In the third form
only effects on an engine whose address ends so are counted, and the line to it is told what to do
(`tests.support.line`). Each effect is written to standard error as `effect 7 start`, an order to HAProxy with
what it begins with: `effect 8 order clear map preview.map`.
"""

from __future__ import annotations

import functools
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from deployer.cli.main import main
from deployer.edge.session import EdgeSession
from deployer.host.engine import Engine
from deployer.site.s3.store import S3Store
from deployer.site.store import Upload
from pipelines import __main__ as pipelines

ENGINE = (
    "create",
    "start",
    "stop",
    "kill",
    "remove",
    "rename",
    "set_restart_policy",
    "connect",
    "disconnect",
    "create_network",
    "remove_network",
    "create_volume",
    "remove_volume",
    "remove_image",
    "put_files",
)
TALKING = ("build", "pull")
EDGE = ("order", "commit", "append_record")
BUCKET = ("write", "copy", "delete")


class Accident:
    """Counts effects, and strikes before the n-th.

    :param how: a signal's name, or `WORD=SOCKET@ADDRESS`
    """

    def __init__(self, how: str, strike: int) -> None:
        self.how, _, self.place = how.partition("@")
        self.strike = strike
        self.count = 0
        self._counting = threading.Lock()

    def wrap(self, owner: type, name: str) -> None:
        """Let `owner.name` count as an effect."""
        original: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(original)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.effect(_named(name, args[1:]), args[0])
            return original(*args, **kwargs)

        setattr(owner, name, counted)

    def wrap_talk(self, owner: type, name: str) -> None:
        """Let `owner.name` count as an effect, and each step that the engine tells of."""
        original: Callable[..., Iterator[Any]] = getattr(owner, name)

        @functools.wraps(original)
        def counted(*args: Any, **kwargs: Any) -> Iterator[Any]:
            self.effect(name, args[0])
            for said in original(*args, **kwargs):
                if str(said.get("stream", "")).startswith("Step "):
                    self.effect(f"{name} step", args[0])
                yield said

        setattr(owner, name, counted)

    def wrap_uploads(self) -> None:
        """Let each file of `S3Store.upload` count as an effect."""
        original = S3Store.upload

        def counted(uploads: Iterable[Upload]) -> Iterator[Upload]:
            for upload in uploads:
                self.effect("upload")
                yield upload

        def upload(store: S3Store, uploads: Iterable[Upload], **kwargs: Any) -> None:
            original(store, counted(uploads), **kwargs)

        S3Store.upload = upload  # type: ignore[method-assign,assignment]  # that is what an accident is

    def effect(self, name: str, owner: object = None) -> None:
        """An effect is about to happen."""
        engine = getattr(
            getattr(owner, "shell", None), "_engine", owner
        )  # the edge's session has a shell in it
        if self.place and not str(getattr(engine, "address", "")).endswith(self.place):
            return
        with self._counting:  # hosts are worked on at the same time
            self.count += 1
            sys.stderr.write(f"effect {self.count} {name}\n")
            sys.stderr.flush()
            if self.count == self.strike:
                self._happen()

    def _happen(self) -> None:
        word, _, path = self.how.partition("=")
        if not path:
            os.kill(os.getpid(), signal.Signals[f"SIG{word}"])
            return
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(path)
            line.sendall(f"{word}\n".encode())
            line.recv(10)


def _named(name: str, arguments: Sequence[Any]) -> str:
    """What an effect is called: a call's name, with the beginning of what HAProxy is told."""
    if name != "order":
        return name
    return " ".join([name, *(word.rpartition("/")[2] for word in arguments[0].split()[:3])])


def run(words: list[str]) -> int:
    """Arm the accident and run the deployer."""
    accident = Accident(words[0], int(words[1]))
    for name in ENGINE:
        accident.wrap(Engine, name)
    for name in TALKING:
        accident.wrap_talk(Engine, name)
    for name in EDGE:
        accident.wrap(EdgeSession, name)
    for name in BUCKET:
        accident.wrap(S3Store, name)
    accident.wrap_uploads()
    if words[2] == "pipelines":
        return pipelines.main(words[3:])
    return main(words[2:])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
