"""The example front end, built with npm, and served beside the API on one port as the edge does it.

    python scripts/frontend.py [--api http://127.0.0.1:8080] [--port 8090]

What is built lies in build/frontend, so that whoever works in examples/frontend is not disturbed; it is built
again only where a source has changed. The server is for trying it and for tests: no cache, no TLS.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import http.client
import mimetypes
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "examples" / "frontend"
FOLDER = ROOT / "build" / "frontend"
MADE = {"node_modules", "dist"}
HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host"}
"""Headers between two neighbours only."""
CHUNK = 16 * 1024


# --- building -------------------------------------------------------------------


def build() -> Path:
    """Build the front end where it has changed; the folder with its `dist` and `node_modules`.

    :raises subprocess.CalledProcessError: npm failed; what it said is on standard error.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run beside each other
        files = sorted(_sources(SOURCES))
        packages = _digest([SOURCES / "package.json", SOURCES / "package-lock.json", SOURCES / ".npmrc"])
        content = _digest(files)
        if not _is(".packages", packages):
            _copy(files)
            _made(npm("ci", "--prefer-offline"))
            _remember(".packages", packages)
        if not _is(".content", content):
            _copy(files)
            _made(npm("run", "build"))
            _remember(".content", content)
    return FOLDER


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in MADE:
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path


def _digest(files: list[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(SOURCES)}\0{file.stat().st_size}\0".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def _is(stamp: str, digest: str) -> bool:
    path = FOLDER / stamp
    return path.exists() and path.read_text() == digest


def _remember(stamp: str, digest: str) -> None:
    (FOLDER / stamp).write_text(digest)


def _copy(files: list[Path]) -> None:
    """The sources as they are now, and none that were there before."""
    for old in FOLDER.iterdir():
        if old.is_dir() and old.name not in MADE:
            shutil.rmtree(old)
    for file in files:
        target = FOLDER / file.relative_to(SOURCES)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)


def npm(*words: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    """Run npm, where the front end is built; its output is in the result, also where it failed."""
    # scripts/venv puts a Node.js there where the system's is too old.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["npm", *words],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _made(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        sys.stderr.write(done.stdout)
        done.check_returncode()


# --- serving --------------------------------------------------------------------


class Site:
    """A web server with the routing of CloudFront and the edge: `/api/*` to the API, all else from a folder.

    :param dist: the built front end. :param api: where the API is.
    :ivar hidden: files with this in their name are not found.
    """

    def __init__(self, dist: Path, api: str, port: int = 0) -> None:
        self.dist = dist.resolve()
        self.api = api
        self.hidden = ""
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Serve until interrupted."""
        self._thread.join()

    def note(self, handler: BaseHTTPRequestHandler) -> None:
        """Told of each request to the API; for tests, which count them."""

    def passes(self, handler: BaseHTTPRequestHandler, data: bytes) -> bool:  # noqa: ARG002 - for tests, which cut
        """Whether the next piece of an answer goes to the client; if not, the connection is cut."""
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that left is no error here
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/"):
            self._forward()
        else:
            self._file(path)

    def do_POST(self) -> None:
        self._forward()

    def do_DELETE(self) -> None:
        self._forward()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        pass

    def _file(self, path: str) -> None:
        found = (self.site.dist / path.lstrip("/")).resolve()
        if path.endswith("/") or "." not in path.rsplit("/", 1)[-1]:
            found = self.site.dist / "index.html"
        hidden = self.site.hidden and self.site.hidden in found.name
        if hidden or not found.is_relative_to(self.site.dist) or not found.is_file():
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n", "no-store")
            return
        kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        hashed = found.parent.name == "assets"
        cache = "public, max-age=31536000, immutable" if hashed else "no-cache"
        self._answer(HTTPStatus.OK, kind, found.read_bytes(), cache)

    def _answer(self, status: HTTPStatus, kind: str, body: bytes, cache: str) -> None:
        self.send_response(status)
        text = kind.startswith("text/") or kind in {"text/javascript", "image/svg+xml"}
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if text else kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.site.note(self)
        upstream = http.client.HTTPConnection(urlsplit(self.site.api).netloc, timeout=120)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            headers["X-Forwarded-For"] = self.client_address[0]
            try:
                upstream.request(self.command, self.path, body or None, headers)
                answer = upstream.getresponse()
            except (OSError, http.client.HTTPException):
                self._answer(HTTPStatus.BAD_GATEWAY, "text/plain", b"no API there\n", "no-store")
                return
            self._pass_on(answer)
        finally:
            upstream.close()

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        """The answer, piece by piece as it comes."""
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP | {"content-length", "date", "server"}:
                self.send_header(name, value)
        bare = answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if not bare:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not bare and (data := answer.read1(CHUNK)):
            if not self.site.passes(self, data):
                self.close_connection = True  # without the last chunk: the client sees that it was cut
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        if not bare:
            self.wfile.write(b"0\r\n\r\n")


@contextmanager
def served(api: str, port: int = 0) -> Iterator[Site]:
    """The front end as it is now, served beside an API."""
    with Site(build() / "dist", api, port) as site:
        yield site


def main() -> int:
    """Build and serve it."""
    parser = argparse.ArgumentParser(description="Builds the example front end and serves it beside the API.")
    parser.add_argument("--api", default="http://127.0.0.1:8080", help="where the API is (%(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="where to serve both (%(default)s)")
    given = parser.parse_args()
    with served(given.api, given.port) as site:
        print(f"open  {site.url}/", flush=True)
        try:
            site.wait()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
