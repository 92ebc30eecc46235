"""Secrets that sing: values that stand nowhere else, put into every place of a config that may hold one.

    birds = Canaries(folder)
    birds.reference("site.secret_key")    # ${env:CANARY_0}, for the config
    birds.environ                          # what makes the references good
    birds.found(text)                      # whose values are in it: {"site.secret_key"}

A value is found as it is, and in base64, URL quoting and hexadecimal digits, as headers and dumps have it.
"""

from __future__ import annotations

import base64
import os
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import quote

from deployer.config.model import Kind, Section, fields
from deployer.config.outline import whole
from deployer.config.sections import kinds


def secret_keys(section: type[Section] | None = None, above: str = "") -> Iterator[str]:
    """Every key of the schema whose value may refer to a secret, as `site.secret_key`; lists add nothing."""
    for name, field in fields(section or whole()).items():
        yield from _keys(field.kind, f"{above}{name}")


def _keys(kind: Kind, key: str) -> Iterator[str]:
    if kinds._secret_text in kind.checks:
        yield key
    elif kind.section is not None:
        yield from secret_keys(kind.section, f"{key}.")
    elif kind.items is not None:
        yield from _keys(kind.items, key)


class Canaries:
    """The values, each known by the place that it was made for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ: dict[str, str] = {}
        self.mark = f"cAnArY{secrets.token_hex(6)}"
        """What all of them have in common."""

        self.values: dict[str, str] = {}

    def literal(self, place: str) -> str:
        """A value itself, as somebody writes it into the config."""
        # A length that is no multiple of three: in base64 it may begin anywhere.
        return self.values.setdefault(place, f"{self.mark}x{len(self.values):02d}z{secrets.token_hex(5)}")

    def reference(self, place: str) -> str:
        """A reference to a value in the environment."""
        name = f"CANARY_{len(self.values)}"
        self.environ[name] = self.literal(place)
        return f"${{env:{name}}}"

    def file(self, place: str) -> str:
        """A reference to a value in a file."""
        path = self.folder / f"canary-{len(self.values)}"
        path.write_text(self.literal(place) + "\n")
        path.chmod(0o600)
        return f"${{file:{path}}}"

    def found(self, text: str | bytes) -> set[str]:
        """The places whose values are in a text, in whatever dress."""
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        return {place for place, value in self.values.items() if any(form in data for form in _forms(value))}


def _forms(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield raw
    yield raw.hex().encode()
    yield quote(value, safe="").encode()
    for before in range(3):
        # The letters that depend on what stands before and behind are left out.
        coded = base64.b64encode(b"\0" * before + raw + b"\0" * 3)
        yield coded[4 if before else 0 : len(coded) - 8]


class Recorder:
    """Takes whatever is posted, and keeps the bodies; it answers as Slack's API does when all is well.

    with Recorder() as recorder:
        recorder.address
        recorder.bodies
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"] or 0)))
                answer = b'{"ok": true, "ts": "1.1", "channel": "C1"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Listener:
    """Reads the command lines of all processes while it runs, those inside of containers too.

    with Listener() as heard:
        ...
    heard.lines
    """

    def __init__(self) -> None:
        self.lines: set[str] = set()
        self._looks: dict[str, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._ended.wait(0.01):
            with os.scandir("/proc") as entries:  # which a Path for each of them makes dear, so often
                alive = [entry.name for entry in entries if entry.name.isdigit()]
            self._looks = {pid: self._looks.get(pid, 0) + 1 for pid in alive}
            for pid, looks in self._looks.items():
                # A process is another one after `exec`, soon after it began.
                if looks <= 3:
                    self._read(pid)

    def _read(self, pid: str) -> None:
        try:
            words = Path("/proc", pid, "cmdline").read_bytes()
        except OSError:
            return
        self.lines.add(words.replace(b"\0", b" ").decode("utf-8", "replace").strip())
