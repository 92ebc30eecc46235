"""A double of a Jenkins controller's REST API, as a real HTTP server, of Python's standard library alone.

    with JenkinsDouble() as jenkins:
        jenkins.script = lambda build: build.say("hello") or "SUCCESS"
        Client(jenkins.url, "admin", jenkins.token)

No controller can be installed where these tests run. What this answers follows recorded facts: which status,
which header, when a crumb is needed, how a build goes from the queue to its console. It executes no
Jenkinsfile: what a build does is the test's `script`. Here is the protocol; what it answers from is in
`tests.support.jenkins_state`. It also runs by itself, as the stand-in for the war in the controller's image:
`python3 -m tests.support.jenkins_double --port 8080 --home /var/jenkins_home`.

A console is answered as Jenkins' progressiveText does (stapler's LargeText): `start` and X-Text-Size are
bytes of the log as it lies on disk, while the body has CRLF where the log has LF, and lacks the notes that
Jenkins puts into each line of the pipeline engine. So neither can be told from the length of the other. While
the build runs only whole lines are answered; a `start` beyond the log's end means its beginning. What it does
not do: compress, and answer a running build's console by ten thousand lines at a time.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import re
import socket
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.support.jenkins_state import Build, Item, JenkinsState


def plain(raw: bytes) -> bytes:
    """A piece of a log as progressiveText answers it."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", re.sub(rb"\x1b\[8mha:.*?\x1b\[0m", b"", raw))


class JenkinsDouble(JenkinsState):
    """A controller: its state, its server, and the accidents that can befall it."""

    def __init__(self, port: int = 0, *, home: Path | None = None, address: str = "127.0.0.1") -> None:
        super().__init__(home)
        self.crumbs = True
        self.has_github = True
        """Whether the GitHub plugin, which takes deliveries, is there."""
        self.deliveries: list[tuple[str, int]] = []
        self.requests: list[str] = []
        self.delay = 0.0
        self.answers_503 = False
        self.hangs = threading.Event()
        self.cut_after: int | None = None
        """Bytes of the next console after which the connection is cut, once."""
        self.cuts_always = False
        """Not once, but with every console."""
        self._address, self._port = address, port
        self._server: _Server | None = None

    # -- as a server ---------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, as a process that knows no session of the one before."""
        self._server = _Server((self._address, self._port), _Handler)
        self._server.double = self
        self._port = self._server.server_address[1]
        self.forget_sessions()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening; connections that are open are cut. Jobs and builds are on its disk, and stay."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hangs.clear()
        for job in self.jobs.values():
            for build in job.builds:
                build.stopped.set()
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    double: JenkinsDouble

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Close what is open, as the end of a process does."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silence: the tests look at what was asked, not at a log."""

    @property
    def double(self) -> JenkinsDouble:
        return self.server.double

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    # -- before anything is looked at ----------------------------------------------------------------

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.path_only = urllib.parse.unquote(url.path)
        self.cookie = ""
        self.double.requests.append(f"{method} {self.path}")
        while self.double.hangs.is_set():
            time.sleep(0.02)
        time.sleep(self.double.delay)
        if self.double.answers_503:
            return self._page(503, "Please wait while Jenkins is getting ready to work")
        if self.path_only in ("/login", "/github-webhook", "/github-webhook/"):
            return self._open(method, body)
        user, by_token = self._user()
        if user is None:
            return self._page(401, "Invalid password/token for user")
        if user == "":
            return self._page(403, "Authentication required", {"X-You-Are-Authenticated-As": "anonymous"})
        if method == "POST":
            if not by_token and self.double.crumbs and not self._has_crumb(user):
                return self._page(403, "No valid crumb was included in the request")
            if user in self.double.readers:
                return self._page(
                    403, f"{user} is missing a permission", {"X-You-Are-Authenticated-As": user}
                )
        return self._route(method, user, body)

    def _user(self) -> tuple[str | None, bool]:
        """Who asks ('' for nobody, None for a wrong password), and whether with an API token."""
        kind, _, text = (self.headers.get("Authorization") or "").partition(" ")
        if kind != "Basic":
            return "", False
        user, _, secret = base64.b64decode(text).decode().partition(":")
        if not self.double.known(user, secret):
            return None, False
        found = re.search(r"JSESSIONID=(\w+)", self.headers.get("Cookie") or "")
        self.cookie = found[1] if found else self.double.new_session()
        return user, secret == self.double.token

    def _has_crumb(self, user: str) -> bool:
        return self.double.valid_crumb(user, self.cookie, self.headers.get("Jenkins-Crumb") or "")

    def _open(self, method: str, body: bytes) -> None:
        """What anybody may ask for."""
        if self.path_only == "/login":
            return self._page(200, "Sign in")
        if not self.double.has_github:
            return self._page(404, "Not Found")
        if self.path_only == "/github-webhook":
            # Whoever follows this sends a GET, without what was posted.
            return self._answer(302, headers={"Location": f"{self.double.url}/github-webhook/"})
        if method == "GET":
            return self._page(405, "Method POST required")
        event = self.headers.get("X-GitHub-Event") or ""
        status = self.double.deliver(event, body, self.headers.get("X-Hub-Signature-256") or "")
        self.double.deliveries.append((event, status))
        return self._page(status, "" if status == 200 else "Provided signature does not match")

    # -- what there is -------------------------------------------------------------------------------

    def _route(self, method: str, user: str, body: bytes) -> None:
        parts = [part for part in self.path_only.split("/") if part]
        match parts:
            case ["crumbIssuer", "api", "json"] if self.double.crumbs:
                crumb = self.double.crumb(user, self.cookie)
                self._json({"crumb": crumb, "crumbRequestField": "Jenkins-Crumb"})
            case ["api", "json"]:
                self._json({"mode": "NORMAL", "jobs": [self._job(name) for name in self.double.jobs]})
            case ["computer", "api", "json"]:
                self._json({"computer": [self._computer()]})
            case ["queue", *rest]:
                self._queue(method, rest)
            case ["createItem"] if method == "POST":
                self._create(body)
            case ["job", name, *rest] if name in self.double.jobs:
                self._of_job(method, name, rest, body)
            case _:
                self._page(404, "Not Found")

    def _create(self, body: bytes) -> None:
        name = self.query.get("name", "")
        if name in self.double.jobs:
            return self._page(400, "", {"X-Error": f"A job already exists with the name ‘{name}’"})
        if "xml" not in (self.headers.get("Content-Type") or ""):
            return self._page(400, "", {"X-Error": "No Content-Type header set"})
        self.double.save(name, body.decode())
        return self._answer(200)

    def _of_job(self, method: str, name: str, rest: list[str], body: bytes) -> None:
        job = self.double.jobs[name]
        match method, rest:
            case "GET", ["config.xml"]:
                self._answer(200, job.config.encode(), {"Content-Type": "application/xml"})
            case "POST", ["config.xml"]:
                self.double.save(name, body.decode())
                self._answer(200)
            case "POST", ["doDelete"]:
                self.double.remove(name)
                self._answer(302, headers={"Location": f"{self.double.url}/api/json"})
            case "POST", ["build" | "buildWithParameters" as how]:
                self._trigger(name, how, body)
            case "GET", ["api", "json"]:
                self._json(self._job(name))
            case _, [number, *below] if number.isdecimal() and 0 < int(number) <= len(job.builds):
                self._of_build(method, job.builds[int(number) - 1], below)
            case _:
                self._page(404, "Not Found")

    def _trigger(self, name: str, how: str, body: bytes) -> None:
        job = self.double.jobs[name]
        if job.text("disabled") == "true":
            return self._page(409, f"{name} is not buildable")
        if (how == "buildWithParameters") != bool(job.parameters):
            return self._page(
                400, f"{name} is not parameterized" if not job.parameters else "Nothing is submitted"
            )
        given = {**self.query, **dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))}
        # What the job does not declare is dropped without a word.
        item, new = self.double.enqueue(name, {k: v for k, v in given.items() if k in job.parameters})
        location = {"Location": f"{self.double.url}/queue/item/{item.number}/"}
        return self._answer(201 if new else 303, headers=location)

    def _of_build(self, method: str, build: Build, below: list[str]) -> None:
        match method, below:
            case "GET", ["api", "json"]:
                self._json(build.described())
            case "POST", ["stop"]:
                build.stopped.set()
                self._answer(302, headers={"Location": f"{self.double.url}/api/json"})
            case "GET", ["logText", "progressiveText"]:
                self._console(build)
            case _:
                self._page(404, "Not Found")

    def _console(self, build: Build) -> None:
        running = build.result is None
        start = int(self.query.get("start", "0"))
        if start > build.size:
            start = 0
        end = max(start, build.whole) if running else build.size
        self._head(200, {"Content-Type": "text/plain;charset=utf-8", "X-Text-Size": str(end)})
        if running:
            self.send_header("X-More-Data", "true")
        self.end_headers()
        for read in build.read(start, end):
            piece = plain(read)
            if not piece:
                continue  # a chunk of no bytes would be the end
            self.wfile.write(b"%x\r\n" % len(piece))
            cut = self.double.cut_after
            if not self.double.cuts_always:
                self.double.cut_after = None
            if cut is not None:
                self.wfile.write(piece[:cut])
                self.close_connection = True
                return
            self.wfile.write(piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _queue(self, method: str, rest: list[str]) -> None:
        items = self.double.items
        match method, rest:
            case "GET", ["api", "json"]:
                self._json({"items": [self._item(item) for item in items.values() if item.waits]})
            case "GET", ["item", number, *_] if number.isdecimal() and int(number) in items:
                item = items[int(number)]
                self._page(404, "Not Found") if item.forgotten else self._json(self._item(item))
            case "POST", ["cancelItem"]:
                item_or_none = items.get(int(self.query.get("id", "0")))
                if item_or_none is None:
                    return self._page(404, "Not Found")
                if item_or_none.build is not None:
                    return self._page(422, "")
                item_or_none.cancelled = True
                return self._answer(204)
            case _:
                self._page(404, "Not Found")
        return None

    # -- as the API describes it ---------------------------------------------------------------------

    def _job(self, name: str) -> dict[str, Any]:
        job = self.double.jobs[name]
        builds = [build.described() for build in reversed(job.builds)]
        return {
            "name": name,
            "description": job.text("description"),
            "buildable": job.text("disabled") != "true",
            "builds": builds,
            "lastBuild": builds[0] if builds else None,
        }

    def _item(self, item: Item) -> dict[str, Any]:
        found: dict[str, Any] = {
            "id": item.number,
            "task": {"name": item.job, "url": f"{self.double.url}/job/{item.job}/"},
            "inQueueSince": int(item.since * 1000),
            "stuck": self.double.offline is not None,
            "buildable": True,
            "blocked": False,
            "why": None,
        }
        if item.waits:
            return {**found, "why": self.double.why(item)}
        if item.cancelled:
            return {**found, "cancelled": True}
        build = item.build
        return {
            **found,
            "cancelled": False,
            "executable": build and {"number": build.number, "url": build.url},
        }

    def _computer(self) -> dict[str, Any]:
        busy = [build.described() for build in self.double.running() if build.executing]
        slots = [*busy, *[None] * (self.double.executors - len(busy))]
        return {
            "displayName": "Built-In Node",
            "offline": self.double.offline is not None,
            "offlineCauseReason": self.double.offline or "",
            "numExecutors": self.double.executors,
            "monitorData": self.double.monitors,
            "executors": [{"idle": b is None, "likelyStuck": False, "currentExecutable": b} for b in slots],
            "oneOffExecutors": [],
        }

    # -- answers -------------------------------------------------------------------------------------

    def _head(self, status: int, headers: dict[str, str], *, length: int | None = None) -> None:
        """The status and the headers; without a length what follows comes in chunks."""
        self.send_response(status)
        self.send_header("X-Jenkins", "2.568.2")
        self.send_header("X-Jenkins-Session", self.double.session)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        if self.cookie:
            self.send_header("Set-Cookie", f"JSESSIONID={self.cookie}; Path=/; HttpOnly")
        for name, value in headers.items():
            # Servlet containers write headers in Latin-1.
            self.send_header(name, value.encode("utf-8").decode("latin-1"))

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self._head(status, headers or {}, length=len(body))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def _page(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        page = f"<html><head><title>Error {status}</title></head><body>{text}</body></html>"
        self._answer(status, page.encode(), {"Content-Type": "text/html;charset=utf-8", **(headers or {})})

    def _json(self, found: dict[str, Any]) -> None:
        self._answer(200, json.dumps(found).encode(), {"Content-Type": "application/json;charset=utf-8"})


def main() -> None:
    """Serve until killed, with the admin's password from a file, as a controller's configuration has it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--password-file", type=Path)
    parser.add_argument(
        "--console", type=int, default=0, help="bytes of console that every build begins with"
    )
    args = parser.parse_args()
    double = JenkinsDouble(args.port, home=args.home, address="0.0.0.0")
    if args.password_file:
        double.password = args.password_file.read_text().strip()

    def script(build: Build) -> str:
        build.padding = args.console
        build.say(
            "[Pipeline] Start of Pipeline",
            "[Pipeline] { (Stand-in)",
            "no war: nothing is built",
            "[Pipeline] }",
        )
        return "SUCCESS"

    double.script = script
    double.start()
    sys.stdout.write(f"{double.url} {double.token}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
