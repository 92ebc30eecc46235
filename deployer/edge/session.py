"""One open line to a running edge: HAProxy's runtime commands and the edge's files.

Both go through one shell in the edge's container, so that it works wherever the engine can be reached:
a local socket, from inside Jenkins, over SSH.
"""

from __future__ import annotations

import math
import secrets
import shlex
import time
from collections.abc import Mapping

from msgspec import Struct

from deployer.edge.configuration import SETTINGS, Addresses, with_slots
from deployer.edge.state import SLOTS, EdgeState, Occupant, Slot, from_map, from_pairs, to_map
from deployer.edge.statistics import Traffic, checking_slots, public, ready_slots, traffic
from deployer.errors import EdgeError, EngineError
from deployer.host.engine import Engine, Inspect
from deployer.host.shell import Shell

FOLDER = "/edge"
"""Where the edge's volume is mounted."""

MAP = f"{FOLDER}/state.map"
HISTORY = f"{FOLDER}/releases.jsonl"
PREVIEW_MAP = f"{FOLDER}/preview.map"
HISTORY_LINES = 2000
"""Lines of the history that are kept when it has twice as many: four for each rollout."""


class View(Struct, frozen=True):
    """Everything that an edge tells of itself at one moment.

    :param stored: the state on disk: what an edge that restarts would follow.
    :param live: the state that HAProxy follows now; its `active` is what it serves by.
    :param holding: requests are being held, by whomever.
    :param ready: the slots whose last health check passed.
    :param public: what visitors got since the edge started, whoever answered.
    :param history: the text of the release history.
    """

    stored: EdgeState
    live: EdgeState
    holding: bool
    ready: frozenset[str]
    traffic: Mapping[Slot, Traffic]
    public: Traffic
    history: str


_SERVERS = "show servers state app"
_PUBLIC = "show stat public 1 -1"
_STATISTICS = ("show stat app 4 -1", "show stat streams 4 -1")


class EdgeSession:
    """A session with one edge container.

    :param container: the engine's description of the running edge container.
    :param shell: one in this container that is open already.
    :ivar container: as given.
    :ivar settings: what it was made from (`configuration.settings`); None where it does not say.
    """

    def __init__(
        self, engine: Engine, container: Inspect, addresses: Addresses, shell: Shell | None = None
    ) -> None:
        environment = dict(line.split("=", 1) for line in container["Config"]["Env"] if "=" in line)
        self.container = container
        self.addresses = addresses
        self.socket = environment["EDGE_SOCKET"]
        self.config_file = environment["EDGE_CONFIG"]
        self.settings: str | None = (container["Config"]["Labels"] or {}).get(SETTINGS)
        self.shell = shell or Shell(engine, container["Id"])

    def close(self) -> None:
        """Hang up."""
        self.shell.close()

    # -- HAProxy's runtime API ---------------------------------------------

    def await_answer(self, timeout: float) -> None:
        """Wait until HAProxy takes commands: after a crash it needs a moment.

        :raises EdgeError: it did not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                # One that is about to fail accepts the connection, and then says nothing.
                if self.command("show version").strip():
                    return
            except (EdgeError, EngineError):
                if time.monotonic() >= deadline:
                    raise
            if time.monotonic() >= deadline:
                raise EdgeError("HAProxy accepts connections on its socket and answers nothing")
            time.sleep(0.05)

    def command(self, *commands: str) -> str:
        """Send runtime commands in one go; what HAProxy printed.

        :raises EdgeError: HAProxy does not listen.
        """
        code, output = self.shell.run(self._asking(*commands))
        if code != 0:
            raise _deaf(output)
        return output

    def _asking(self, *commands: str) -> str:
        """A shell command that sends runtime commands and prints what HAProxy answers."""
        line = shlex.quote("; ".join(commands))
        return f"printf '%s\\n' {line} | socat -t 10 - UNIX-CONNECT:{self.socket}"

    def order(self, *commands: str) -> None:
        """Like `command`, for commands that print nothing when they are obeyed.

        :raises EdgeError: HAProxy answered with something, which is an error.
        """
        output = self.command(*commands).strip()
        if output:
            raise EdgeError(f"the edge refused `{'; '.join(commands)}`: {' '.join(output.split())}")

    def view(self) -> View:
        """Everything at once: each question would cost a few processes at the edge.

        :raises EdgeError: HAProxy does not listen.
        """
        mark = f"--{secrets.token_hex(8)}--"
        asked = self._asking(f"show map {MAP}", _SERVERS, *_STATISTICS, _PUBLIC)
        unread = f"echo {mark}unread"
        code, text = self.shell.run(
            f"{_cat(MAP)} || {unread}; echo {mark}; {_cat(HISTORY)} || {unread}; echo {mark}; {asked}"
        )
        if f"{mark}unread" in text:
            raise _unread(text)
        stored, history, output = text.split(f"{mark}\n")
        if code != 0:
            raise _deaf(output)
        # HAProxy ends each answer with an empty line.
        shown, servers, *statistics = [*output.split("\n\n"), "", ""]
        if not servers:
            raise _deaf("HAProxy accepts connections on its socket and answers nothing")
        ready = self.ready() if checking_slots(servers) else ready_slots(servers)
        pairs = []
        for line in shown.splitlines():
            parts = line.split(" ", 2)
            if len(parts) == 3:
                pairs.append((parts[1], parts[2]))
        return View(
            stored=from_map(stored),
            live=from_pairs(pairs),
            holding=("mode", "hold") in pairs,
            ready=frozenset(ready),
            traffic=traffic("\n\n".join(statistics)),
            public=public("\n\n".join(statistics)),
            history=history,
        )

    def ready(self) -> set[str]:
        """The slots whose last health check passed; one that runs at this moment is waited for."""
        text = ""
        for _ in range(10):
            text = self.command(_SERVERS)
            if not checking_slots(text):
                break
            time.sleep(0.01)
        return ready_slots(text)

    def traffic(self) -> Mapping[Slot, Traffic]:
        """What each slot is doing."""
        return traffic(self.command(*_STATISTICS))

    def prepare(self, slot: Slot, occupant: Occupant) -> None:
        """Make a slot ready for a candidate: reachable by name only, and down until a check passes.

        Leaving maintenance would mark the server up before any check, and a reused slot still shows the
        last result of whoever was in it; `health down` last is what makes the gate a true one.
        """
        address = f"addr {self.addresses[slot]} port {occupant.port}"
        path = occupant.health.replace(";", "\\;")
        self.order(
            # A killed command may have left the way to whoever was in the slot open.
            f"clear map {PREVIEW_MAP}",
            f"set map {MAP} {slot} {path}",
            f"set server app/{slot} state maint",
            f"set weight app/{slot} 0",
            f"set weight streams/{slot} 0",
        )
        self.command(f"set server app/{slot} {address}", f"set server streams/{slot} {address}")
        self.order(f"set server app/{slot} state ready", f"set server app/{slot} health down")

    def switch(self, state: EdgeState) -> None:
        """Send new requests to `state.active` from now on: one command, so nobody falls in between."""
        self.order(f"set map {MAP} active {state.active or '-'}")
        self.weigh(state)

    def weigh(self, state: EdgeState) -> None:
        """Let the edge fall back by itself only to slots that served before."""
        self.order(
            *(
                f"set weight {backend}/{slot} {state.weight(slot)}"
                for slot in SLOTS
                for backend in ("app", "streams")
            )
        )

    def after(self, seconds: float) -> int:
        """When `seconds` have passed at the least: epoch seconds of the edge's clock, by which a hold ends.

        It is read in whole seconds, so one more is given; 0 is now.
        """
        _, text = self.shell.run("date +%s")
        return int(text) + (math.ceil(seconds) + 1 if seconds else 0)

    def hold(self, until: int) -> None:
        """Keep requests waiting until `until` (epoch seconds); later ones are told to come again."""
        self.order(f"set map {MAP} until {until}", f"set map {MAP} mode hold")

    def release(self) -> None:
        """Let everybody who waits go on, unless an admin's maintenance keeps them."""
        stored = self.state()
        if stored.maintenance:
            self.hold(stored.held_until or 0)
        else:
            self.order(f"set map {MAP} mode open")

    def preview(self, token: str, slot: Slot) -> None:
        """Route requests that carry `x-preview: token` to `slot`."""
        self.order(f"add map {PREVIEW_MAP} {token} {slot}")

    def end_previews(self) -> None:
        """Forget every preview token."""
        self.order(f"clear map {PREVIEW_MAP}")

    # -- the edge's files --------------------------------------------------

    def read(self, path: str) -> str:
        """A file of the edge's volume; empty where there is none.

        :raises EdgeError: there is one, and it cannot be read. It must not be taken for an empty one.
        """
        code, text = self.shell.run(_cat(path))
        if code != 0:
            raise _unread(text)
        return text

    def state(self) -> EdgeState:
        """The state as it is on disk: what an edge that restarts would follow."""
        return from_map(self.read(MAP))

    def commit(self, state: EdgeState, *, record: str = "") -> None:
        """Make `state` survive a crash: written, flushed, renamed; the map last, for it decides.

        :param record: a line for the release history, written together with the state.
        :raises EdgeError: the disk is full, or the volume is not writable.
        """
        texts = {
            self.config_file: with_slots(self.read(self.config_file), state, self.addresses),
            MAP: to_map(state),
        }
        written = [f"{path}.new" for path in texts]
        script = [f"printf '%s' {shlex.quote(text)} > {path}.new" for path, text in texts.items()]
        if record:
            script.append(_append(record))
            written.append(HISTORY)
        script.append(f"sync -d {' '.join(written)}")
        script += [f"mv {path}.new {path}" for path in texts]
        code, output = self.shell.run(" && ".join([*script, f"sync {FOLDER}"]))
        if code != 0:
            raise EdgeError(
                f"the edge's state could not be written: {output.strip()}",
                remedy="free some disk space on the host (`deployer prune`), then run the command again",
            )

    def forget_older(self) -> None:
        """Remove the files of edges before this one; those that still finish requests need none."""
        own = self.config_file.removeprefix(f"{FOLDER}/haproxy-").removesuffix(".cfg")
        theirs = f"grep -E '^(haproxy|hold|tls|admin)-' | grep -v -e '-{own}[.]'"
        self.shell.run(f"cd {FOLDER} && ls | {theirs} | xargs -r rm -f")

    def append_record(self, record: str) -> None:
        """Add a line to the release history, which is read often and so must not grow for ever."""
        new = f"{HISTORY}.new"
        shorten = f"tail -n {HISTORY_LINES} {HISTORY} > {new} && sync -d {new} && mv {new} {HISTORY}"
        too_long = f"[ $(wc -l < {HISTORY}) -gt {2 * HISTORY_LINES} ]"
        self.shell.run(f"{_append(record)} && sync -d {HISTORY} && if {too_long}; then {shorten}; fi")

    def request(self, path: str, *, token: str, timeout: float) -> tuple[int, str]:
        """GET `path` through the edge, on the preview route; status (0: no answer) and body."""
        lines = (f"GET {path} HTTP/1.0", "host: preview", f"x-preview: {token}", "")
        code, text = self.shell.run(
            f"printf '%s\\r\\n' {shlex.join(lines)} | "
            f"socat -t {timeout:.0f} - UNIX-CONNECT:{FOLDER}/preview.sock | head -c 65536",
            timeout=timeout + 10,
        )
        head, _, body = text.partition("\r\n\r\n")
        status = head.split(" ")
        return (int(status[1]) if code == 0 and len(status) > 1 and status[1].isdigit() else 0), body


def _deaf(output: str) -> EdgeError:
    return EdgeError(
        f"the edge does not take commands: {output.strip()}",
        remedy="look at its log (`docker logs` of its container); `deployer recover` restarts it",
    )


def _cat(path: str) -> str:
    """A shell command that prints a file; nothing where there is none, and it fails where it cannot."""
    quoted = shlex.quote(path)
    return f"{{ [ ! -e {quoted} ] || cat {quoted}; }}"


def _unread(output: str) -> EdgeError:
    said = [line for line in output.splitlines() if line.startswith(("cat: ", "bash: "))]
    return EdgeError(
        f"the edge's files could not be read: {'; '.join(said)}",
        remedy="look at the host's memory and disk (`deployer doctor host`), then give the command again",
    )


def _append(record: str) -> str:
    """A shell command that adds a line to the history; the one before may have been cut short by a crash."""
    return f"printf '\\n%s\\n' {shlex.quote(record)} >> {HISTORY}"
