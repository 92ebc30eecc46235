"""What the app's tests are given: an application with a database of its own, and real servers.

settings    Settings with a database in the test's folder
client      Flask's test client of an application made from them
begin       begin(language="ko", ...) -> a created interview's document, with its token
url         the address of an empty database: the test runs with SQLite and with MariaDB
database    a Database on it, with the schema
expanding, contracting   folders with the versions of releases to come; snapshots: a folder for those
mariadb     the session's own MariaDB server, running
serve       serve() -> a Server: gunicorn as the image runs it, on the test's database; several share it
gemini      the double of the model's service; `asking` is an application that asks it
no_child_is_left   what reads a resume has ended when the test does
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TextIO

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import Settings, create_app
from app.storage import database as database_module
from app.storage.database import Database
from app.storage.engines import PROBING
from app.storage.migration import VERSIONS, Migration
from tests.support import nursery
from tests.support.gemini import Gemini
from tests.support.mariadb import MariaDB
from tests.support.mariadb import server as mariadb_server
from tests.support.migrating import CONTRACTS, EXPANDS, versions
from tests.support.processes import children

ROOT = Path(__file__).resolve().parents[2]

RESUMES = {
    "en": "Jane Doe\n- Built the order API in Python and PostgreSQL\n"
    "- Introduced Redis: p99 latency from 900 ms to 120 ms\n- Led the move to Docker",
    "ko": "김민지\n- Spring Boot와 JPA로 주문 API를 개발하고 운영\n"
    "- Redis 캐시 도입으로 응답 시간을 900ms에서 120ms로 단축\n- Jenkins 배포 자동화 구축",
}
ANSWERS = {
    "en": "The order API was slow when the shop grew, a problem for everybody. I measured the queries in "
    "PostgreSQL and introduced Redis. As a result latency fell from 900 ms to 120 ms.",
    "ko": "당시 주문 API가 느린 문제가 있었습니다. 제가 Redis 캐시를 도입하고 JPA 쿼리를 분석했습니다. "
    "그 결과 응답 시간이 900ms에서 120ms로 단축되었습니다.",
}


def request(**changes: Any) -> dict[str, Any]:
    """The body of a good `POST /api/interviews`, with changes; None leaves a field out."""
    language = changes.get("language") or "en"
    body = {
        "resume": RESUMES.get(language, RESUMES["en"]),
        "role": "backend engineer",
        "level": "junior",
        "language": "en",
        "questions": 3,
        "consent": True,
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def bearer(interview: Mapping[str, Any]) -> dict[str, str]:
    """The header that opens an interview."""
    return {"Authorization": f"Bearer {interview['token']}"}


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A readiness check may take its time on a busy machine; it is shown to be in time elsewhere."""
    monkeypatch.setattr(database_module, "READY_WITHIN", 20.0)
    monkeypatch.setattr(database_module, "PROBING", replace(PROBING, connect=20.0, answer=20.0))


class Begin(Protocol):
    def __call__(self, **changes: Any) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of today's schema, to be copied: making one takes a process."""
    path = tmp_path_factory.mktemp("migrated") / "interview.sqlite3"
    Migration(str(path)).migrate()
    return path


def settings_for(path: Path, **changes: Any) -> Settings:
    """Settings with a SQLite file, and no limit to how fast a test may ask."""
    return Settings(**{"database": f"sqlite:///{path}", "rate": 0, **changes})


def file_of(settings: Settings) -> Path:
    """The SQLite file of settings."""
    return Path(settings.database.removeprefix("sqlite:///"))


@pytest.fixture
def settings(tmp_path: Path, migrated: Path) -> Settings:
    path = tmp_path / "interview.sqlite3"
    shutil.copyfile(migrated, path)
    return settings_for(path)


def with_model(settings: Settings, gemini: Gemini, **changes: Any) -> Settings:
    """The settings, with a model that the double plays."""
    return replace(
        settings,
        **{
            "gemini_key": gemini.key,
            "model_endpoint": gemini.url,
            "per_minute": 1000,
            "per_day": 100_000,
            **changes,
        },
    )


@pytest.fixture
def gemini() -> Iterator[Gemini]:
    with Gemini() as double:
        yield double


@pytest.fixture
def asking(settings: Settings, gemini: Gemini) -> Iterator[Flask]:
    """An application that asks the double."""
    application = create_app(with_model(settings, gemini))
    yield application
    close(application)


def close(application: Flask) -> None:
    """End the application's threads and connections."""
    application.extensions["runner"].close()
    application.extensions["database"].close()


@pytest.fixture
def application(settings: Settings) -> Iterator[Flask]:
    application = create_app(settings)
    yield application
    close(application)


@pytest.fixture
def client(application: Flask) -> FlaskClient:
    return application.test_client()


@pytest.fixture
def begin(client: FlaskClient) -> Begin:
    def make(**changes: Any) -> dict[str, Any]:
        response = client.post("/api/interviews", json=request(**changes))
        assert response.status_code == 201, response.text
        document: dict[str, Any] = response.get_json()
        return document

    return make


@dataclass
class Server:
    """gunicorn in a process of its own."""

    process: nursery.Process
    said: TextIO
    port: int = 0
    lines: list[str] = field(default_factory=list)
    _more: threading.Condition = field(default_factory=threading.Condition)
    _reader: threading.Thread | None = None

    def follow(self) -> None:
        """Read the log in the background, until the server says where it listens."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])

    def wait_for(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """The first line of the log that matches, once it is there."""

        def found() -> re.Match[str] | None:
            return next((match for line in self.lines if (match := re.search(pattern, line))), None)

        with self._more:
            if match := self._more.wait_for(found, seconds):
                return match
        raise AssertionError(f"no {pattern!r} in the log:\n{self.log}")

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON document of a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(
                method, path, json.dumps(body) if body is not None else None, sent | dict(headers or {})
            )
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None
        finally:
            connection.close()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all of its processes at once, as a container is killed."""
        master = self.process.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
            for pid in (master, *map(int, workers)):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> int:
        """End it as the engine would; its exit status."""
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.process.wait(timeout=40)
        finally:
            self.end()

    def end(self) -> None:
        """End what is left of it, which is quicker than stopping."""
        if self.process.poll() is None:
            self.kill()
            self.process.wait()
        if self._reader:
            self._reader.join(timeout=10)
        self.said.close()

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def _read(self) -> None:
        for line in self.said:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()


def environment(settings: Settings, **extra: str) -> dict[str, str]:
    """This process's, without settings of the app that somebody exported, with those of the test."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("INTERVIEW_")}
    ours = {"INTERVIEW_DATABASE": settings.database, "INTERVIEW_RATE": "0", "INTERVIEW_METRICS_PORT": "0"}
    return outer | ours | extra


def begun(environ: Mapping[str, str], *more: str) -> Server:
    """gunicorn, which says its port once it is followed."""
    read, write = os.pipe()
    with os.fdopen(write, "wb") as log:
        process = nursery.Process(
            "gunicorn",
            ["--config", "app/gunicorn.conf.py", "--bind", "127.0.0.1:0", *more],
            cwd=ROOT,
            env=environ,
            stdout=log,
            stderr=log,
        )
    return Server(process, os.fdopen(read, encoding="utf-8"))


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*binds: str, **extra: str) -> Server:
        more = [word for bind in binds for word in ("--bind", bind)]
        servers.append(server := begun(environment(settings, **extra), *more))
        server.follow()
        return server

    yield start
    for started in servers:
        started.end()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with mariadb_server() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_tables(mariadb: MariaDB) -> Sequence[str]:
    """The same as `migrated`, for MariaDB."""
    with mariadb.database() as made:
        Migration(made).migrate()
        return mariadb.dump(made.rpartition("/")[2])


@pytest.fixture(params=["sqlite", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/interview.sqlite3"
    else:
        with request.getfixturevalue("mariadb").database() as made:
            yield made


@pytest.fixture
def database(url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    made = Database(url)
    if url.startswith("sqlite"):
        shutil.copyfile(request.getfixturevalue("migrated"), str(made.url.database))
    else:
        server: MariaDB = request.getfixturevalue("mariadb")
        server.fill(str(made.url.database), request.getfixturevalue("migrated_tables"))
    yield made
    made.close()


@pytest.fixture
def expanding(tmp_path: Path) -> Iterator[Sequence[Path]]:
    """The versions of the next release."""
    yield (*VERSIONS, versions(tmp_path / "next", r0002=EXPANDS))
    _forget_versions()


@pytest.fixture
def contracting(tmp_path: Path) -> Iterator[Sequence[Path]]:
    """The versions of the one after that."""
    yield (*VERSIONS, versions(tmp_path / "later", r0002=EXPANDS, r0003=CONTRACTS))
    _forget_versions()


def _forget_versions() -> None:
    """Python must not take a version of another test for this one's."""
    for name in [name for name in sys.modules if name.startswith("r000")]:
        del sys.modules[name]


@pytest.fixture
def snapshots(tmp_path: Path) -> Path:
    """A folder for them."""
    folder = tmp_path / "snapshots"
    folder.mkdir()
    return folder


@pytest.fixture
def no_child_is_left() -> Iterator[None]:
    """The process that reads a resume has ended when the test does."""
    before = children()
    yield
    assert children() <= before
