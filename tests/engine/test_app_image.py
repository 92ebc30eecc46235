"""The app's image, built from its template and run as a release is: read-only root, no rights, an init."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests
from docker import DockerClient
from docker.models.containers import Container

from tests.support import app
from tests.support.execs import execute
from tests.support.gemini import Gemini
from tests.support.names import service_name
from tests.support.project import Project
from tests.support.scale import times
from tests.support.waiting import until

START = "/api/health/ready"
MIGRATED = {"INTERVIEW_DATABASE": "/data/migrated.sqlite3"}

Start = Callable[..., Container]


@pytest.fixture(scope="module")
def image(engine: DockerClient) -> str:
    return app.image(engine)


@pytest.fixture(scope="module")
def volume(engine: DockerClient) -> Iterator[str]:
    name = f"{service_name()}-data"
    engine.volumes.create(name)
    yield name
    engine.volumes.get(name).remove(force=True)


@pytest.fixture(scope="module")
def start(engine: DockerClient, image: str, volume: str) -> Iterator[Start]:
    """start(command, environment=..., mode="ro") -> a container as the deployer makes one."""
    started: list[Container] = []

    def run(
        command: list[str] | None = None, *, environment: dict[str, str] | None = None, mode: str = "rw"
    ) -> Container:
        container = engine.containers.create(
            image,
            command,
            name=service_name(),
            environment=environment or {},
            read_only=True,
            tmpfs={"/tmp": ""},
            volumes={volume: {"bind": "/data", "mode": mode}},
            init=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
        started.append(container)
        container.start()
        return container

    yield run
    for container in started:
        container.remove(force=True)


@pytest.fixture(scope="module")
def release(start: Start) -> Container:
    """One that serves, until a test ends it."""
    return start()


@pytest.fixture(scope="module")
def migrated(start: Start) -> bytes:
    """What the hook says, first where there is no database yet, and again where that is as it should be."""
    migrate = "python -m app migrate"
    hook = start(["sh", "-c", f"{migrate} && echo AGAIN && {migrate}"], environment=MIGRATED)
    assert hook.wait(timeout=60)["StatusCode"] == 0
    return bytes(hook.logs())


def url(container: Container) -> str:
    container.reload()
    address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
    return f"http://{address}:{app.PORT}"


def listening(container: Container) -> str:
    """Its address, once it says that it listens; from then on a connection waits for its turn."""
    with contextlib.closing(container.logs(stream=True, follow=True)) as lines:
        for line in lines:
            if b"Listening at" in line:
                return url(container)
    raise AssertionError(f"it ended without listening:\n{container.logs().decode()}")


def test_the_context_holds_the_app_and_its_packages_alone(image: str) -> None:
    assert image
    names = {entry.name for entry in app.context().entries if entry.kind == "file"}
    assert {name.split("/")[0] for name in names if not name.startswith("build/wheelhouse/")} == {"app"}
    assert "app/page.html" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_it_serves_read_only_and_without_rights(release: Container) -> None:
    base = listening(release)
    assert requests.get(f"{base}{START}", timeout=30).json() == {"status": "ok", "checks": {"database": "ok"}}
    version = requests.get(f"{base}/api/version", timeout=30).json()
    assert version["git_sha"] == "0123456789abcdef"
    assert version["built_at"] == "2026-01-02T03:04:05Z"
    assert release.id
    assert version["instance"] == release.id[:12]
    assert "<!doctype html>" in requests.get(f"{base}/", timeout=30).text

    assert execute(release, ["id", "-u"]).output.strip() == b"10001"
    assert execute(release, ["touch", "/srv/interview/x"]).exit_code != 0
    assert execute(release, ["sh", "-c", "cat /proc/1/comm"]).output.strip() in (b"docker-init", b"tini")


def test_the_image_holds_no_pip_no_wheels_and_nothing_of_the_deployer(release: Container) -> None:
    script = "ls -d /wheelhouse /opt/venv/bin/pip* /srv/interview/* 2>/dev/null; true"
    assert execute(release, ["sh", "-c", script]).output.split() == [b"/srv/interview/app"]


def test_sigterm_ends_it_with_zero_and_the_next_one_finds_its_interviews(
    start: Start, release: Container
) -> None:
    body = {"resume": "- Built the order API in Flask for 300 users", "role": "developer", "consent": True}
    created = requests.post(f"{listening(release)}/api/interviews", json=body, timeout=30)
    assert created.status_code == 201
    release.kill("SIGTERM")
    assert release.wait(timeout=60)["StatusCode"] == 0

    found = requests.get(
        f"{listening(start())}/api/interviews/{created.json()['id']}",
        headers={"Authorization": f"Bearer {created.json()['token']}"},
        timeout=30,
    )
    assert found.status_code == 200


def test_the_hook_migrates_and_says_so(migrated: bytes) -> None:
    first, again = migrated.split(b"AGAIN\n")
    assert b"migrated from schema 0000 to" in first
    assert b"already" in again


def test_a_volume_that_cannot_be_written_makes_it_unready(start: Start, migrated: bytes) -> None:
    unwritable = start(environment=MIGRATED, mode="ro")
    response = requests.get(f"{listening(unwritable)}{START}", timeout=30)
    assert response.status_code == 503
    assert "INTERVIEW_DATABASE" in response.json()["checks"]["database"]


def test_bad_settings_end_it_with_the_reason_alone(start: Start) -> None:
    release = start(environment={"INTERVIEW_THREADS": "many"})
    assert release.wait(timeout=60)["StatusCode"] == 1
    log = release.logs().decode()
    assert "INTERVIEW_THREADS: 'many'" in log
    assert "Traceback" not in log


@pytest.fixture
def interviews(
    engine: DockerClient, image: str, projects: Callable[[], Project]
) -> Iterator[tuple[Project, Gemini]]:
    """The app as config.yaml has it, behind an edge; the model is the double's, on the host."""
    with Gemini(host=app.gateway(engine), pace=0.1) as gemini:
        project = projects()
        app.configure(project, image, gemini)
        yield project, gemini


class Person:
    """Holds interviews one after the other until told to stop, and counts the work that was accepted."""

    def __init__(self, url: str, stop: threading.Event) -> None:
        self.url = f"{url}/api/interviews"
        self.stop = stop
        self.works = 0
        self.cut = 0
        self.failure = ""
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self.stop.is_set():
                self._interview()
        except Exception as error:  # noqa: BLE001 -- told by the test
            self.failure = repr(error)

    def _interview(self) -> None:
        body = {"resume": RESUME, "role": "developer", "questions": 2, "consent": True}
        opened, result = self._work(self.url, {}, body)
        assert len(result["questions"]) == 2
        headers = {"Authorization": f"Bearer {opened['token']}"}
        path = f"{self.url}/{opened['interview']}"
        for number in (1, 2):
            _, judged = self._work(f"{path}/answers", headers, {"question": number, "text": ANSWER})
            assert judged["question"] == number
        seen = requests.get(path, headers=headers, timeout=30).json()
        assert [question["answer"]["text"] for question in seen["questions"][:2]] == [ANSWER] * 2
        assert all(question["answer"]["feedback"] for question in seen["questions"][:2])

    def _work(self, url: str, headers: dict[str, str], body: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """POST, follow the stream to its result, and take it up again wherever it was cut."""
        key = {"Idempotency-Key": uuid.uuid4().hex, "Accept": "text/event-stream"}
        opened: dict[str, Any] = {}
        last = 0
        self.works += 1
        while True:
            if opened:
                again = f"{self.url}/{opened['interview']}/tasks/{opened['task']}/events"
                token = headers or {"Authorization": f"Bearer {opened['token']}"}
                response = requests.get(
                    again, headers={**token, "Last-Event-ID": str(last)}, stream=True, timeout=60
                )
            else:
                response = requests.post(url, json=body, headers={**headers, **key}, stream=True, timeout=60)
            assert response.ok, response.text
            with response, contextlib.suppress(requests.RequestException):
                for name, number, data in _events(response):
                    last = number or last
                    if name == "queued" and "interview" in data:
                        opened = opened or data
                    elif name == "result":
                        return opened, data
                    assert name != "error", data
            self.cut += 1


def _events(response: requests.Response) -> Iterator[tuple[str, int, dict[str, Any]]]:
    name, number = "", 0
    response.encoding = "utf-8"
    for line in response.iter_lines(decode_unicode=True):
        field, _, value = line.partition(": ")
        if field == "id":
            number = int(value)
        elif field == "event":
            name = value
        elif field == "data":
            yield name, number, json.loads(value)
            number = 0


RESUME = "- Built the order API in Flask and PostgreSQL for 300 users\n- Introduced Redis: 900 ms to 120 ms"
ANSWER = "The order API was slow. I measured the queries and introduced Redis: from 900 ms to 120 ms."


def more_than(gemini: Gemini, number: int) -> bool:
    return len(gemini.requests) > number


def test_rollouts_in_the_middle_of_interviews_lose_nothing_and_ask_nothing_twice(
    interviews: tuple[Project, Gemini],
) -> None:
    project, gemini = interviews
    project.run("rollout")
    assert requests.get(f"{project.url}/metrics", timeout=30).status_code == 404, (
        "they have a port of their own"
    )
    stop = threading.Event()
    people = [Person(project.url, stop) for _ in range(times(3, 6))]
    for person in people:
        person.thread.start()
    until(lambda: len(gemini.requests) > 6, "interviews are being held")
    # The rollback lets another container take over as a rollout does.
    changes = [("rollout", "--strategy", "recreate"), ("rollback",), *[("rollout",)] * times(0, 1)]
    for words in changes * times(1, 4):
        project.run(*words)
        asked = partial(more_than, gemini, len(gemini.requests) + 4)
        until(asked, "they go on")
    stop.set()
    for person in people:
        person.thread.join()
    assert [person.failure for person in people] == [""] * len(people)
    assert len(gemini.requests) == sum(person.works for person in people)
    assert project.leftovers() == []
