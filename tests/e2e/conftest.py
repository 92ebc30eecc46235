"""What the browser tests are given: the front end, served beside a real API, and a real Chromium.

front       the built front end on a port of its own, with the offline interviewer behind it
asking      the same, with a model behind it that the double plays; `gemini` is that double
engine      a client of the engine, for what is deployed
visit       visit(front, language="ko", size=PHONE) -> a Visitor, in a browser as good as new
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import docker
import pytest
from docker import DockerClient

from app.storage.migration import Migration
from scripts.browser import Browser, Page
from scripts.frontend import build
from tests.app.conftest import Server, begun, environment, settings_for
from tests.e2e.visitor import Visitor
from tests.support import engine as support
from tests.support.front import Front
from tests.support.gemini import Gemini
from tests.support.sound import tone

Serve = Callable[..., Server]
DESK, PHONE = (1280, 900), (360, 740)
"""Windows, in CSS pixels."""


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    client = docker.from_env(timeout=120)
    support.sweep(client)
    yield client
    client.close()


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder that the front end was built in."""
    return build()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "interview.sqlite3"
    Migration(str(path)).migrate()
    return path


@pytest.fixture(scope="module")
def serve(database: Path) -> Iterator[Serve]:
    """serve(INTERVIEW_...=...) -> gunicorn on a port of its own; its database is the module's, or `path`."""
    servers: list[Server] = []

    def start(path: Path = database, **extra: str) -> Server:
        servers.append(server := begun(environment(settings_for(path), **extra)))
        server.follow()
        return server

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def front(built: Path, serve: Serve) -> Iterator[Front]:
    with Front(built / "dist", f"http://127.0.0.1:{serve().port}") as site:
        yield site


@pytest.fixture(scope="module")
def gemini() -> Iterator[Gemini]:
    with Gemini() as double:
        yield double


def with_model(gemini: Gemini, **more: str) -> dict[str, str]:
    """Settings of an API that asks the double."""
    return {"INTERVIEW_GEMINI_KEY": gemini.key, "INTERVIEW_MODEL_ENDPOINT": gemini.url} | {
        "INTERVIEW_PER_MINUTE": "1000",
        "INTERVIEW_PER_DAY": "100000",
        **more,
    }


@pytest.fixture(scope="module")
def model_front(
    built: Path, serve: Serve, gemini: Gemini, database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Front, Path]]:
    path = tmp_path_factory.mktemp("asking") / "interview.sqlite3"
    shutil.copyfile(database, path)
    api = serve(path, **with_model(gemini))
    with Front(built / "dist", f"http://127.0.0.1:{api.port}") as site:
        yield site, path


@pytest.fixture
def asking(model_front: tuple[Front, Path], gemini: Gemini) -> Front:
    gemini.forget()
    gemini.pace = 0.0
    site, _ = model_front
    site.seen.clear()
    return site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    sound = tmp_path_factory.mktemp("sound") / "voice.wav"
    sound.write_bytes(tone(seconds=2.0))
    with Browser(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
    ) as made:
        yield made


class Served(Protocol):
    """Page and API on one port: beside each other here (`Front`), or behind an edge (`Project`)."""

    @property
    def url(self) -> str: ...


class Visit:
    """Opens the front end in a browser as good as new."""

    def __init__(self, browser: Browser, axe: str) -> None:
        self._browser = browser
        self._axe = axe
        self._pages: list[Page] = []

    def __call__(self, front: Served, *, language: str = "en", size: tuple[int, int] = DESK) -> Visitor:
        width, height = size
        page = self._browser.page(f"{front.url}/", width=width, height=height, apart=True)
        page.prefer(prefers_reduced_motion="reduce", prefers_color_scheme="light")
        self._pages.append(page)
        visitor = Visitor(page, self._axe)
        visitor.speak(language)
        return visitor

    def end(self) -> None:
        """Close what was opened, or it would go on beside the next test."""
        for page in self._pages:
            page.close()


@pytest.fixture
def visit(browser: Browser, built: Path) -> Iterator[Visit]:
    made = Visit(browser, (built / "node_modules/axe-core/axe.min.js").read_text("utf-8"))
    yield made
    made.end()
