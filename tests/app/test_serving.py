"""gunicorn as the image runs it: stopping, logging, limits."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Callable

from tests.app.conftest import ANSWERS, Server, bearer, request


def half_sent(server: Server, path: str, body: bytes, headers: dict[str, str]) -> socket.socket:
    """A POST whose body is half on its way; returns once the server works on it.

    `Expect: 100-continue` is what tells that: the server answers it when it begins with the request.
    """
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body[: len(body) // 2])
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection


def finish(connection: socket.socket, body: bytes) -> tuple[int, bytes]:
    connection.sendall(body[len(body) // 2 :])
    response = http.client.HTTPResponse(connection, method="POST")
    response.begin()
    try:
        return response.status, response.read()
    finally:
        response.close()
        connection.close()


def test_sigterm_lets_a_slow_request_finish(serve: Callable[[], Server]) -> None:
    server = serve()
    _, created = server.ask("POST", "/api/interviews", request())
    path = f"/api/interviews/{created['id']}/answers"
    body = json.dumps({"question": 1, "text": ANSWERS["en"]}).encode()
    connection = half_sent(server, path, body, bearer(created))
    server.terminate()
    server.wait_for("Handling signal: term")
    status, content = finish(connection, body)
    assert status == 201
    assert json.loads(content)["question"] == 1
    assert server.stop() == 0

    successor = serve()
    _, seen = successor.ask("GET", f"/api/interviews/{created['id']}", headers=bearer(created))
    assert seen["questions"][0]["answer"]["text"] == ANSWERS["en"]


def test_an_idle_connection_does_not_keep_it_from_stopping(serve: Callable[[], Server]) -> None:
    server = serve()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/api/health/live")
    assert connection.getresponse().read()
    assert server.stop() == 0
    connection.close()


def test_an_accepted_answer_survives_sigkill(serve: Callable[[], Server]) -> None:
    server = serve()
    _, created = server.ask("POST", "/api/interviews", request())
    path = f"/api/interviews/{created['id']}"
    key = {"Idempotency-Key": "an-answer-before-the-crash"}
    body = {"question": 1, "text": ANSWERS["en"]}
    answered = server.ask("POST", f"{path}/answers", body, bearer(created) | key)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(timeout=30)

    successor = serve()
    assert successor.ask("POST", f"{path}/answers", body, bearer(created) | key) == answered


def refused(server: Server, sent: str) -> bytes:
    """The answer to what is no HTTP, or breaks it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(sent.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_is_no_http_is_refused_and_nothing_of_it_gets_into_the_log(serve: Callable[[], Server]) -> None:
    server = serve()
    head = (
        "POST /api/interviews HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    )
    chunks = refused(server, f"{head}Transfer-Encoding: chunked\r\n\r\nZyxomma\r\n{{}}\r\n0\r\n\r\n")
    assert chunks.startswith(b"HTTP/1.1 400 ")
    assert b"urn:interview:problem:bad-request" in chunks
    for sent in (
        "GET /api/interviews/Zyxomma with Zyxomma\r\n\r\n",
        "GET /api/version HTTP/1.1\r\nHost: x\r\nZyx omma: Zyxomma\r\n\r\n",
        f"{head}Content-Length: Zyxomma\r\n\r\n",
    ):
        assert refused(server, sent).startswith(b"HTTP/1.1 400 ")
    assert server.stop() == 0
    for line in server.lines:
        assert json.loads(line)["level"], "every line is JSON"
    assert "Invalid request" in server.log
    for private in ("yxomma", "127.0.0.1, ", "ip=", "Traceback"):
        assert private not in server.log


def test_a_connection_is_kept_between_requests(serve: Callable[[], Server]) -> None:
    server = serve()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/api/version")
    connection.getresponse().read()
    kept = connection.sock
    connection.request("POST", "/api/interviews", b"{}", {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    assert response.status == 422
    assert connection.sock is kept
    connection.close()


def test_the_log_has_routes_and_statuses_and_nothing_private(serve: Callable[[], Server]) -> None:
    server = serve()
    secrets = {
        "resume": "Built Zyxomma in Flask for 300 users, alone",
        "answer": "Zyxomma was slow",
        "key": "a-key-that-nobody-guesses",
        "query": "hunter2hunter2",
    }
    key = {"Idempotency-Key": secrets["key"], "User-Agent": "Agent-Zyxomma", "Referer": "http://zyxomma/"}
    _, created = server.ask(
        "POST", f"/api/interviews?q={secrets['query']}", request(resume=secrets["resume"]), key
    )
    path = f"/api/interviews/{created['id']}"
    server.ask("POST", f"{path}/answers", {"question": 1, "text": secrets["answer"]}, bearer(created) | key)
    server.ask("POST", f"{path}/answers", {"question": "Zyxomma"}, bearer(created))
    server.ask("GET", path, headers={"Authorization": "Bearer wrong-token-Zyxomma"})
    server.ask("GET", "/api/health/ready")
    server.ask("GET", "/api/health/live")
    server.ask("GET", "/api/nothing")
    server.wait_for('"route": null, "status": 404')
    assert server.stop() == 0
    assert '"method": "POST", "route": "/api/interviews/<identifier>/answers", "status": 201' in server.log
    assert '"method": "GET", "route": "/api/interviews/<identifier>", "status": 404' in server.log
    assert "/api/health/" not in server.log
    for private in ("yxomma", created["id"], secrets["key"], secrets["query"], created["token"], "Bearer"):
        assert private not in server.log


def test_a_body_over_the_limit_is_refused_and_others_are_served(serve: Callable[[], Server]) -> None:
    server = serve()
    body = b'{"resume": "' + b"x" * 600_000 + b'"}'
    for chunked in (False, True):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request(
            "POST",
            "/api/interviews",
            iter([body[:300_000], body[300_000:]]) if chunked else body,
            {"Content-Type": "application/json"},
            encode_chunked=chunked,
        )
        response = connection.getresponse()
        assert response.status == 413
        assert json.loads(response.read())["type"] == "urn:interview:problem:too-large"
        connection.close()
        assert server.ask("GET", "/api/version")[0] == 200
