"""What the interview API costs: memory while people wait, time beside a bare route, the first words."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import requests
from docker.models.containers import Container

from benchmarks.figures import Figure, Section
from benchmarks.stand import BenchError, Stand
from tests.support import gemini as double
from tests.support.images import ROOT
from tests.support.names import free_port, service_name

TITLE = "The interview API"
HOW = """\
The app's image as it is deployed, in one container with the memory cap of config.yaml, on the loopback
address; the model is the double of the tests. *Idle streams* all follow one piece of work that waits for
its turn at the model, and get a comment every 15 s. Meanwhile one client asks for `/api/version` on a kept
connection. Memory: what the container's control group counts, without the page cache that can be dropped.
Processor time: of the container, by its control group, for requests on a kept connection, alternating with
a container of the same image that serves one bare Flask route with the same gunicorn settings; requests a
second are of the same requests, one after the other. First words: from the moment at which the double writes
its first piece to the client's first `delta`.
"""
RESUME = "- Built the order API in Flask and PostgreSQL for 300 users\n- Introduced Redis: 900 ms to 120 ms"
ANSWER = "The order API was slow. I measured the queries and introduced Redis: from 900 ms to 120 ms."
BARE = "from flask import Flask, jsonify\napp = Flask(__name__)\napp.get('/')(lambda: jsonify(status='ok'))\n"


class Service:
    """The app in a container on the host's network.

    :param model: the double; None: the offline interviewer.
    """

    def __init__(self, stand: Stand, image: str, model: double.Gemini | None, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            "INTERVIEW_DATABASE": "/tmp/interview.sqlite3",
            "INTERVIEW_PORT": str(self.port),
            "INTERVIEW_METRICS_PORT": "0",
            "INTERVIEW_RATE": "0",
            **({"INTERVIEW_GEMINI_KEY": model.key, "INTERVIEW_MODEL_ENDPOINT": model.url} if model else {}),
            **settings,
        }
        self.container = start(stand, image, environment)
        wait_for(f"{self.url}/api/health/ready")

    def begin(self) -> tuple[str, dict[str, str]]:
        """An interview: its path, and the header that opens it."""
        body = {"resume": RESUME, "role": "developer", "questions": 3, "consent": True}
        response = requests.post(f"{self.url}/api/interviews", json=body, timeout=60)
        if response.status_code != 201:
            raise BenchError(f"no interview: {response.text}")
        created = response.json()
        return f"/api/interviews/{created['id']}", {"Authorization": f"Bearer {created['token']}"}


def measure(stand: Stand) -> list[Section]:
    built = subprocess.run(
        [sys.executable, "-m", "deployer", "build", "--json"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    image = str(json.loads(built.stdout.splitlines()[-1])["image"])
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(double.Gemini())
        figures = [
            *idle(stand, image, model),
            *streams(stand, image, model),
            *processor(stand, image),
            *first_words(stand, image, model),
        ]
    return [Section.of(TITLE, HOW, figures)]


def idle(stand: Stand, image: str, model: double.Gemini) -> list[Figure]:
    stand.say("memory before and after the first request to the model")
    before, after = [], []
    for _ in range(stand.runs(3, 1)):
        with running(Service(stand, image, model, INTERVIEW_PER_MINUTE="1000")) as service:
            before.append(memory(service.container))
            service.begin()
            after.append(memory(service.container))
    return [
        Figure("idle container, SDK not imported", before, "MiB"),
        Figure("the same after its first request to the model", after, "MiB"),
    ]


def streams(stand: Stand, image: str, model: double.Gemini) -> list[Figure]:
    used: dict[int, list[float]] = {500: [], 1000: []}
    others: list[float] = []
    broken: list[float] = []
    for _ in range(stand.runs(3, 1)):
        settings = {"INTERVIEW_PER_MINUTE": "1", "INTERVIEW_MAX_WAIT": "3600", "INTERVIEW_PLAIN_WAIT": "10"}
        with running(Service(stand, image, model, **settings)) as service, contextlib.ExitStack() as stack:
            path, headers = service.begin()
            answer = {"question": 1, "text": ANSWER}
            waiting = requests.post(f"{service.url}{path}/answers", json=answer, headers=headers, timeout=60)
            if waiting.status_code != 202:
                raise BenchError(f"it does not wait: {waiting.text}")
            events = f"{path}/tasks/{waiting.json()['task']}/events"
            followers: list[socket.socket] = []
            for number, measured in used.items():
                stand.say(f"{number} idle streams")
                while len(followers) < number:
                    followers.append(stack.enter_context(follow(service.port, events, headers)))
                if number == 500:
                    others.append(p99(service.port, 2000))
                measured.append(memory(service.container))
            broken.append(sum(not is_open(follower) for follower in followers))
    return [
        Figure("500 idle streams, SDK imported", used[500], "MiB", 160.0),
        Figure("other requests meanwhile, p99", others, "ms", 50.0),
        Figure("1,000 idle streams", used[1000], "MiB"),
        Figure("streams of the 1,000 that were refused or broken", broken, "", 0),
    ]


def processor(stand: Stand, image: str) -> list[Figure]:
    stand.say("processor time of a request, beside a bare Flask route")
    runs, number = stand.runs(7, 3), 2000
    port = free_port()
    serve = "gunicorn --worker-class gthread --threads 1100 --worker-tmp-dir /dev/shm --keep-alive 75"
    command = [
        "sh",
        "-c",
        f'printf %s "$BARE" > /tmp/bare.py; exec {serve} --chdir /tmp --bind 127.0.0.1:{port} bare:app',
    ]
    bare = start(stand, image, {"BARE": BARE}, command)
    try:
        wait_for(f"http://127.0.0.1:{port}/")
        with running(Service(stand, image, None)) as service:
            path, headers = service.begin()
            names = {"/api/version": "`GET /api/version`", path: "`GET /api/interviews/<id>`, 3 questions"}
            costs: dict[str, list[float]] = {asked: [] for asked in names}
            rates: dict[str, list[float]] = {asked: [] for asked in names}
            for _ in range(runs):
                base, seconds = cost(bare, port, "/", {}, number)
                for asked in names:
                    own, taken = cost(service.container, service.port, asked, headers, number)
                    costs[asked].append(own / base)
                    rates[asked].append(seconds / taken)
    finally:
        bare.remove(force=True)
    return [
        figure
        for asked, name in names.items()
        for figure in (
            Figure(f"{name}: processor time over a bare route's", costs[asked], "×"),
            Figure(f"{name}: requests a second over a bare route's", rates[asked], "×"),
        )
    ]


def first_words(stand: Stand, image: str, model: double.Gemini) -> list[Figure]:
    stand.say("the model's first words")
    taken: list[float] = []
    with running(Service(stand, image, model, INTERVIEW_PER_MINUTE="1000")) as service:
        service.begin()  # imports the SDK
        for _ in range(stand.runs(7, 3)):
            path, headers = service.begin()
            for number in (1, 2, 3):
                body = {"question": number, "text": ANSWER}
                accept = {**headers, "Accept": "text/event-stream"}
                url = f"{service.url}{path}/answers"
                with requests.post(url, json=body, headers=accept, stream=True, timeout=60) as answer:
                    told = 0.0
                    for line in answer.iter_lines(chunk_size=1):
                        if line == b"event: delta" and not told:
                            told = time.monotonic()
                taken.append((told - model.requests[-1].began) * 1000)
    return [Figure("from the model's first byte to the client's first words", taken, "ms", 50.0)]


def start(
    stand: Stand, image: str, environment: dict[str, str], command: list[str] | None = None
) -> Container:
    """A container with the app's cap, read-only but for /tmp."""
    container: Container = stand.client.containers.run(
        image,
        command,
        name=service_name(),
        environment=environment,
        network_mode="host",
        mem_limit="512m",
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        init=True,
        detach=True,
    )
    return container


@contextlib.contextmanager
def running(service: Service) -> Iterator[Service]:
    """Remove its container in the end."""
    try:
        yield service
    finally:
        service.container.remove(force=True)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return
        if time.monotonic() > deadline:
            raise BenchError(f"{url} does not answer")
        time.sleep(0.05)


def memory(container: Container) -> float:
    """MiB, without the page cache that can be dropped; the lowest of a few looks."""
    found: list[float] = []
    for _ in range(3):
        stats = container.stats(stream=False)["memory_stats"]
        detail = stats.get("stats", {})
        cache = detail.get("inactive_file", detail.get("total_inactive_file", 0))
        found.append((stats["usage"] - cache) / 2**20)
    return min(found)


def cost(
    container: Container, port: int, path: str, headers: dict[str, str], number: int
) -> tuple[float, float]:
    """Nanoseconds of the container's processor time, and seconds by the clock, for a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(times: int) -> None:
        for _ in range(times):
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()

    with contextlib.closing(connection):
        ask(50)
        before, began = spent(container), time.perf_counter()
        ask(number)
        taken = time.perf_counter() - began
        return (spent(container) - before) / number, taken / number


def spent(container: Container) -> int:
    """Nanoseconds of processor time since its start."""
    return int(container.stats(stream=False)["cpu_stats"]["cpu_usage"]["total_usage"])


@contextlib.contextmanager
def follow(port: int, path: str, headers: dict[str, str]) -> Iterator[socket.socket]:
    """A stream of which the first event has come."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        received = b""
        while b"event: queued" not in received:
            more = connection.recv(4096)
            received += more
            if not more or not received.startswith(b"HTTP/1.1 200"[: len(received)]):
                raise BenchError(f"a stream was refused: {received[:200]!r}")
        yield connection


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while True:
            if not connection.recv(65536):
                return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def p99(port: int, number: int) -> float:
    """Milliseconds of requests on a kept connection, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times = []
    with contextlib.closing(connection):
        for _ in range(number):
            began = time.perf_counter()
            connection.request("GET", "/api/version")
            connection.getresponse().read()
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.001)
    return statistics.quantiles(times, n=100)[98]
