"""A double of the part of GitHub's API that is about a repository's webhooks, as a real HTTP server."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOKEN = "ghp_s3cret"


class GitHubDouble:
    """One repository, `example/shop`, and its hooks; it never tells a hook's secret."""

    def __init__(self) -> None:
        self.hooks: list[dict[str, Any]] = []
        self.secrets: dict[int, str] = {}
        self.page = 30
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def keep(self, body: dict[str, Any], hook: dict[str, Any]) -> dict[str, Any]:
        config = dict(body["config"])
        if "secret" in config:
            self.secrets[hook["id"]] = config.pop("secret")
            config["secret"] = "********"
        hook |= {"active": body["active"], "events": body["events"], "config": config}
        return hook


def _handler(github: GitHubDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silence."""

        def do_GET(self) -> None:
            if self._refused():
                return
            page = int(self.path.rpartition("page=")[2]) if "&page=" in self.path else 1
            found = github.hooks[(page - 1) * github.page : page * github.page]
            more = len(github.hooks) > page * github.page
            base = f"{github.url}{self.path.partition('?')[0]}?per_page=100&page={page + 1}"
            self._answer(200, found, {"Link": f'<{base}>; rel="next"'} if more else {})

        def do_POST(self) -> None:
            if not self._refused():
                hook = github.keep(self._body(), {"id": len(github.hooks) + 1})
                github.hooks.append(hook)
                self._answer(201, hook)

        def do_PATCH(self) -> None:
            if not self._refused():
                number = int(self.path.rpartition("/")[2])
                self._answer(200, github.keep(self._body(), github.hooks[number - 1]))

        def _refused(self) -> bool:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self._answer(401, {"message": "Bad credentials"})
            elif not self.path.startswith("/repos/example/shop/hooks"):
                self._answer(404, {"message": "Not Found"})
            else:
                return False
            return True

        def _body(self) -> dict[str, Any]:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return body

        def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    return Handler
