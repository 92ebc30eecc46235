"""A double of the Gemini REST API: what both SDKs are tested against, since the real one cannot be had.

True to what was recorded of the wire: `:generateContent`, and `:streamGenerateContent` as an array that grows
(google-generativeai, `$alt=json;enum-encoding=int`) or as server-sent events (google-genai, `alt=sse`), with
the bodies of refusals (`QuotaFailure`, `RetryInfo`, `ErrorInfo`) as the service words them; a streaming
method wraps them into an array. Answers are made from the request (`gemini_answers`).

    with Gemini() as gemini:                       in a thread of its own, on 127.0.0.1
        gemini.script(Act("quota-minute", 37))     what the next requests meet, in order
        gemini.requests                            what came, in order

    python -m tests.support.gemini --port 0        in a process of its own; prints `listening on URL`, and is
                                                   steered over HTTP:
        POST   /_double/script      [{"kind": "error", "status": 503}, ...]
        POST   /_double/obey        ["score", "markup"]
        GET    /_double/requests    [{number, model, status, sse, disconnected, body, ...}]
        DELETE /_double/requests    forget them, and what is left of the script
"""

from __future__ import annotations

import argparse
import base64
import json
import select
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from tests.support import gemini_answers as answers

Document = dict[str, Any]
Kind = Literal[
    "answer",  # as usual; `text` answers that text instead, `spoil` names one of gemini_answers.SPOILT
    "quota-minute",  # 429, with a RetryInfo of `seconds` (none where 0)
    "quota-day",  # 429, day and minute are used up
    "error",  # `status`, with a body of the service's
    "html",  # `status`, with the page of a proxy on the way
    "slow-start",  # nothing for `seconds`
    "slow-pieces",  # `seconds` between two pieces
    "silence",  # `after` pieces, then nothing for `seconds`
    "cut",  # closed after `after` pieces
    "hang-up",  # closed without an answer
    "unfinished",  # ends as it should, but with no finishReason
    "blocked-prompt",
    "finish",  # ends with the finishReason `text` after `after` pieces
]
FINISH = {
    "STOP": 1, "MAX_TOKENS": 2, "SAFETY": 3, "RECITATION": 4, "OTHER": 5, "LANGUAGE": 6, "BLOCKLIST": 7,
    "PROHIBITED_CONTENT": 8, "SPII": 9, "MALFORMED_FUNCTION_CALL": 10,
}  # fmt: skip
STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
SNAKE = {
    "mime_type": "mimeType", "min_items": "minItems", "max_items": "maxItems",
    "property_ordering": "propertyOrdering",
}  # fmt: skip
METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
TYPE = "type.googleapis.com/google.rpc."
KEY = "test-key"
MODELS = ("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro")
RETIRED = frozenset({"gemini-1.5-flash", "gemini-1.5-pro", "gemini-pro"})


@dataclass(frozen=True)
class Act:
    """What one request meets."""

    kind: Kind = "answer"
    seconds: float = 0
    status: int = 503
    after: int = 0
    text: str = ""
    spoil: str = ""


@dataclass
class Seen:
    """A request that came; `at` is seconds of the double's clock."""

    number: int
    at: float
    path: str
    model: str
    method: str
    sse: bool
    key: str
    body: Document
    status: int = 0
    began: float = 0.0
    disconnected: bool = False
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def as_dict(self) -> Document:
        """As JSON; without the key."""
        return {
            name: getattr(self, name)
            for name in ("number", "at", "path", "model", "method", "sse", "body", "status", "disconnected")
        }


class Gemini:
    """The double.

    :param key: the one API key that is good.
    :param limit: requests in any `window` seconds; no limit where None. :param per_day: requests at all.
    :param pace: seconds between two pieces of an answer; it may be changed while one is on its way.
    :param bare_errors: refusals as a bare object where a streaming method would wrap them into an array.
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        key: str = KEY,
        limit: int | None = None,
        window: float = 60.0,
        per_day: int | None = None,
        pace: float = 0.0,
        bare_errors: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = key
        self.limit, self.window, self.per_day, self.pace = limit, window, per_day, pace
        self.bare_errors = bare_errors
        self.clock = clock
        self.requests: list[Seen] = []
        self.obeys: set[str] = set()
        self.closing = threading.Event()
        self._acts: deque[Act] = deque()
        self._granted: deque[float] = deque()
        self._day = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = _Server((host, port), handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def script(self, *acts: Act) -> None:
        """What the next requests meet, one each; those after them are answered as usual."""
        with self._lock:
            self._acts.extend(acts)

    def forget(self) -> None:
        """Begin anew: no requests, no script, no obedience, all quota."""
        with self._lock:
            self.requests.clear()
            self._acts.clear()
            self._granted.clear()
            self.obeys = set()
            self._day = 0

    def receive(self, seen: Seen) -> Act:
        """Count a request and say what it meets."""
        with self._lock:
            seen.number = len(self.requests) + 1
            self.requests.append(seen)
            act = self._acts.popleft() if self._acts else Act()
            if act.kind.startswith("quota"):
                return act
            if self.per_day is not None and self._day >= self.per_day:
                return Act("quota-day")
            seen.at = now = self.clock()
            while self._granted and self._granted[0] <= now - self.window:
                self._granted.popleft()
            if self.limit is not None and len(self._granted) >= self.limit:
                return Act("quota-minute", max(0.001, self._granted[0] + self.window - now))
            self._granted.append(now)
            self._day += 1
            return act

    def connections(self) -> int:
        """How many requests are being worked on."""
        return sum(not seen.ended.is_set() for seen in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that left is no error here
            super().handle_error(request, client_address)


class _Gone(OSError):
    """The client has hung up, or the double closes."""


class _Handler(BaseHTTPRequestHandler):
    double: Gemini
    protocol_version = "HTTP/1.1"
    connection: socket.socket

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        body = _camel(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null"))
        if address.path == "/_double/script":
            self.double.script(*(Act(**act) for act in body))
            return self._json(204, None)
        if address.path == "/_double/obey":
            self.double.obeys = set(body)
            return self._json(204, None)
        model, _, method = address.path.removeprefix("/v1beta/models/").partition(":")
        query = parse_qs(address.query)
        seen = Seen(
            number=0,
            at=self.double.clock(),
            path=self.path,
            model=model,
            method=method,
            sse=query.get("alt") == ["sse"],
            key=self.headers.get("x-goog-api-key", ""),
            body=body,
        )
        act = self.double.receive(seen)
        try:
            self._meet(seen, act, numbers=query.get("$alt") == ["json;enum-encoding=int"])
        except OSError:
            seen.disconnected = True
            self.close_connection = True
        finally:
            seen.ended.set()

    def do_GET(self) -> None:
        if self.path == "/_double/requests":
            return self._json(200, [seen.as_dict() for seen in list(self.double.requests)])
        if urlsplit(self.path).path == "/v1beta/models":
            if self.headers.get("x-goog-api-key") != self.double.key:
                return self._json(400, _error(400, "API key not valid. Please pass a valid API key."))
            return self._json(200, {"models": [{"name": f"models/{name}"} for name in MODELS]})
        return self._json(404, {})

    def do_DELETE(self) -> None:
        self.double.forget()
        self._json(204, None)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        pass

    # -- what a request meets --------------------------------------------------------

    def _meet(self, seen: Seen, act: Act, *, numbers: bool) -> None:
        if act.kind == "slow-start":
            self._wait(lambda: act.seconds)
        if act.kind == "hang-up":
            self.close_connection = True
            return
        if act.kind == "html":
            self._page(seen, act.status)
            return
        if refusal := self._refusal(seen, act):
            seen.status = refusal["error"]["code"]
            in_array = seen.method.startswith("stream") and not seen.sse and not self.double.bare_errors
            self._json(seen.status, [refusal] if in_array else refusal)
            return
        seen.status = 200
        chunks = _chunks(seen.body, seen.model, act, self.double.obeys, numbers=numbers)
        if seen.method == "generateContent":
            self._json(200, _whole(list(chunks)))
        else:
            self._stream(seen, act, list(chunks))

    def _refusal(self, seen: Seen, act: Act) -> Document | None:
        if seen.key != self.double.key:
            return _error(
                400,
                "API key not valid. Please pass a valid API key.",
                {
                    "@type": f"{TYPE}ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                },
            )
        if seen.model in RETIRED or seen.method not in {"generateContent", "streamGenerateContent"}:
            return _error(
                404,
                f"models/{seen.model} is not found for API version v1beta, or is not supported for "
                f"{seen.method}. Call ListModels to see the list of available models and their methods.",
            )
        if any(
            each["mimeType"] == "application/pdf" and not _decoded(each["data"]).startswith(b"%PDF-")
            for each in answers.files_of(seen.body)
        ):
            return _error(400, "The document has no pages.")
        if act.kind == "quota-minute":
            return _quota(seen.model, ["PerMinute"], act.seconds)
        if act.kind == "quota-day":
            return _quota(seen.model, ["PerDay", "PerMinute"], act.seconds or 41)
        if act.kind == "error":
            return _error(act.status, "The model is overloaded. Please try again later.")
        return None

    def _stream(self, seen: Seen, act: Act, chunks: list[Document]) -> None:
        kind = "text/event-stream" if seen.sse else "application/json; charset=UTF-8"
        self._head(200, {"Content-Type": kind, "Transfer-Encoding": "chunked"})
        for number, chunk in enumerate(chunks):
            if act.kind in {"cut", "silence"} and number == act.after:
                if act.kind == "silence":
                    self._wait(lambda: act.seconds)
                self.close_connection = True  # without the last chunk of the transfer encoding
                return
            if number:
                self._wait(lambda: act.seconds if act.kind == "slow-pieces" else self.double.pace)
            if self._left():
                raise _Gone
            seen.began = seen.began or time.monotonic()
            text = json.dumps(chunk, ensure_ascii=False, indent=None if seen.sse else 2)
            self._write(f"data: {text}\r\n\r\n" if seen.sse else ("," if number else "[") + text + "\r\n")
        if not seen.sse:
            self._write("]")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _write(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _wait(self, seconds: Callable[[], float]) -> None:
        """As long as is said then, unless the client leaves or the double closes."""
        began = time.monotonic()
        while (left := began + seconds() - time.monotonic()) > 0:
            if self.double.closing.wait(min(left, 0.01)) or self._left():
                raise _Gone

    def _left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _json(self, status: int, document: object) -> None:
        data = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        self._body(status, "application/json", data)

    def _page(self, seen: Seen, status: int) -> None:
        seen.status = status
        data = b"<html><title>Error</title>That is an error.</html>"
        self._body(status, "text/html", data)

    def _body(self, status: int, media_type: str, data: bytes) -> None:
        headers = {"Content-Type": f"{media_type}; charset=UTF-8", "Content-Length": str(len(data))}
        self._head(status, headers)
        self.wfile.write(data)


def _camel(value: Any) -> Any:
    """The service takes `min_items` and `mime_type` as well, which google-genai sends."""
    if isinstance(value, dict):
        return {SNAKE.get(name, name): _camel(each) for name, each in value.items()}
    return [_camel(each) for each in value] if isinstance(value, list) else value


def _decoded(data: str) -> bytes:
    """Base64 in either alphabet."""
    return base64.b64decode(data.replace("-", "+").replace("_", "/"))


def _error(status: int, message: str, *details: Document) -> Document:
    error: Document = {"code": status, "message": message, "status": STATUS.get(status, "UNKNOWN")}
    return {"error": error | ({"details": list(details)} if details else {})}


def _quota(model: str, periods: list[str], seconds: float) -> Document:
    violations = [
        {
            "quotaMetric": METRIC,
            "quotaId": f"GenerateRequests{period}PerProjectPerModel-FreeTier",
            "quotaDimensions": {"location": "global", "model": model},
            "quotaValue": "15",
        }
        for period in periods
    ]
    details: list[Document] = [
        {"@type": f"{TYPE}QuotaFailure", "violations": violations},
        {
            "@type": f"{TYPE}Help",
            "links": [
                {
                    "description": "Learn more about Gemini API quotas",
                    "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
                }
            ],
        },
    ]
    if seconds:
        details.append({"@type": f"{TYPE}RetryInfo", "retryDelay": f"{seconds:g}s"})
    return _error(
        429, "You exceeded your current quota, please check your plan and billing details.", *details
    )


def _chunks(body: Document, model: str, act: Act, wishes: set[str], *, numbers: bool) -> Iterator[Document]:
    """The answer in pieces of changing size, each a GenerateContentResponse."""
    counts = {"promptTokenCount": len(json.dumps(body)) // 4}
    common: Document = {"usageMetadata": counts, "modelVersion": model, "responseId": "double"}
    if act.kind == "blocked-prompt":
        yield {"promptFeedback": {"blockReason": 1 if numbers else "SAFETY"}, **common}
        return
    text = act.text if act.kind != "finish" else ""
    if not text:
        document = answers.obey(answers.answer(body), body, wishes)
        if act.spoil:
            answers.SPOILT[act.spoil](document)
        text = json.dumps(document, ensure_ascii=False, indent=1)
    pieces = list(_pieces(text))
    finish = "" if act.kind == "unfinished" else "STOP"
    if act.kind == "finish":
        pieces, finish = pieces[: act.after] or [""], act.text
    for number, piece in enumerate(pieces):
        candidate: Document = {"index": 0}
        if piece:
            candidate["content"] = {"parts": [{"text": piece}], "role": "model"}
        if number == len(pieces) - 1 and finish:
            candidate["finishReason"] = FINISH[finish] if numbers else finish
        yield {"candidates": [candidate], **common}


def _pieces(text: str) -> Iterator[str]:
    begin = 0
    for size in cycle((7, 61, 23, 1, 97, 41)):
        if begin >= len(text):
            return
        yield text[begin : begin + size]
        begin += size


def _whole(chunks: list[Document]) -> Document:
    """The same answer in one."""
    texts = [
        part["text"]
        for chunk in chunks
        for candidate in chunk.get("candidates", [])
        for part in candidate.get("content", {}).get("parts", [])
    ]
    last = chunks[-1]
    if "candidates" in last:
        last["candidates"][0]["content"] = {"parts": [{"text": "".join(texts)}], "role": "model"}
    return last


def main(arguments: list[str] | None = None) -> int:
    """Serve until standard input ends or the process is told to."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.gemini", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--limit", type=int, help="requests in any window")
    parser.add_argument("--window", type=float, default=60.0, help="seconds")
    parser.add_argument("--per-day", type=int, help="requests at all")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two pieces")
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input does")
    given = parser.parse_args(arguments)
    with Gemini(
        given.port, given.host, given.key, given.limit, given.window, given.per_day, given.pace
    ) as gemini:
        sys.stdout.write(f"listening on {gemini.url}\n")
        sys.stdout.flush()
        if given.with_stdin:
            sys.stdin.read()
        else:
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
