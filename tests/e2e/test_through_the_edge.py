"""Chromium at the edge: interviews with a site and an API that are deployed, and deployed anew meanwhile.

HAProxy, the store, the app's image and the deployer's commands are the real ones. The model alone is a
double, since a test must be able to say when its words come.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from docker import DockerClient

from scripts.frontend import npm
from tests.app.conftest import ANSWERS, RESUMES
from tests.e2e.conftest import Visit
from tests.e2e.visitor import Visitor
from tests.support import app
from tests.support.gemini import Gemini
from tests.support.names import free_port
from tests.support.project import Project
from tests.support.resumes import embedded_pdf
from tests.support.waiting import until

QUICK, SLOW = 0.1, 2.0
"""Seconds between two pieces of what the model says: until the first are seen, and while a command runs."""

QUESTIONS, FEEDBACK = ".growing", ".feedback.writing"
"""Where words appear that are not whole yet."""

SAID, SAID_ANEW = "Nothing here yet", "There is nothing here yet"


@pytest.fixture(scope="module")
def gemini(engine: DockerClient) -> Iterator[Gemini]:
    """The double, where the API's containers reach it."""
    with Gemini(host=app.gateway(engine)) as double:
        yield double


@pytest.fixture(scope="module")
def changing(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Path]]:
    """The front end, being built from sources of which one says something else."""
    folder = tmp_path_factory.mktemp("changed") / "frontend"
    shutil.copytree(built, folder, ignore=shutil.ignore_patterns("node_modules", "dist", ".*"))
    (folder / "node_modules").symlink_to(built / "node_modules")
    words = folder / "src" / "words" / "en.ts"
    before = words.read_text("utf-8")
    assert SAID in before
    words.write_text(before.replace(SAID, SAID_ANEW), "utf-8")

    def build() -> Path:
        done = npm("run", "build", folder=folder)
        assert done.returncode == 0, done.stdout
        return folder

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(build)


@pytest.fixture(scope="module")
def deployed(
    engine: DockerClient,
    built: Path,
    changing: Future[Path],
    gemini: Gemini,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """The first release of page and API, on one port; neither waits for the other, nor for the next page."""
    image = app.image(engine)
    project = Project(engine, tmp_path_factory.mktemp("deployed"), image)
    app.configure(project, image, gemini, INTERVIEW_VERSION="1")
    project.config(
        site={"bucket": "interview-site", "dist": str(built / "dist"), "store": {"port": free_port()}}
    )
    try:
        page = project.start("site", "deploy")
        project.run("rollout")
        page.finish()
        yield project
    finally:
        project.remove()


@pytest.fixture(autouse=True)
def _at_once(gemini: Gemini) -> Iterator[None]:
    """The model says all at once, and nothing is left of what it was asked before."""
    gemini.forget()
    yield
    gemini.pace = 0.0


def version(project: Project) -> str:
    """Of the API that answers."""
    return str(requests.get(f"{project.url}/api/version", timeout=30).json()["version"])


def loaded(visitor: Visitor) -> set[str]:
    """The paths of all that this tab has loaded."""
    script = "performance.getEntriesByType('resource').map(({name}) => new URL(name).pathname)"
    return set(visitor.page.run(script))


def taken_up(visitor: Visitor) -> list[str]:
    """The streams to which this tab had to come back."""
    paths = loaded(visitor)
    assert "/api/interviews" in paths, "requests to the API are among them"
    return [path for path in paths if path.endswith("/events")]


def lazy(build: Path) -> set[str]:
    """The parts of a build that are loaded when they are first opened."""
    return {f"/assets/{file.name}" for file in (build / "dist/assets").glob("*View-*.js")}


def sum_up(visitor: Visitor, words: str) -> None:
    visitor.click(words)
    visitor.page.wait("document.querySelector('.ring')")


def test_a_rollout_lets_the_feedback_end_that_is_being_written(
    deployed: Project, gemini: Gemini, visit: Visit, tmp_path: Path
) -> None:
    resume = tmp_path / "이력서.pdf"
    resume.write_bytes(embedded_pdf(RESUMES["ko"]))
    visitor = visit(deployed, language="ko")
    visitor.fill_in(role="백엔드 개발자", resume=resume)
    visitor.hand_in()

    visitor.page.type(".turn textarea", ANSWERS["ko"])
    gemini.pace = QUICK
    visitor.page.click(".turn .primary")
    visitor.page.wait(f"document.querySelector('{FEEDBACK} li')")
    gemini.pace = SLOW
    deployed.config(service={"env": {"INTERVIEW_VERSION": "2"}})
    # Named: where memory is short, the deployer would choose the other one by itself.
    rollout = deployed.start("rollout", "--strategy", "blue-green")
    until(lambda: version(deployed) == "2", "the new release answers")
    assert visitor.count(FEEDBACK) == 1, "the one before still writes"
    assert rollout.poll() is None, "and is waited for"
    gemini.pace = 0.0
    visitor.page.wait(
        f"document.querySelector('.judgements .score') && !document.querySelector('{FEEDBACK}')"
    )
    rollout.finish()
    assert taken_up(visitor) == [], "its stream was one and the same"

    visitor.answer(ANSWERS["ko"])  # the follow-up question, at the new release
    sum_up(visitor, "면접 정리하기")
    assert visitor.page.run("document.title").startswith("보고서: 백엔드 개발자")
    assert visitor.count(".answers > li") == 2
    assert len(gemini.requests) == 4, "nothing is asked twice"
    assert visitor.page.complaints == []


def test_a_deploy_of_the_site_leaves_open_tabs_their_stream_and_their_files(
    deployed: Project, gemini: Gemini, visit: Visit, built: Path, changing: Future[Path]
) -> None:
    visitor = visit(deployed)
    visitor.fill_in(role="Backend engineer", resume=RESUMES["en"], questions=3)
    changed = changing.result()
    gemini.pace = QUICK
    visitor.page.click("main form .primary")
    visitor.page.wait(f"document.querySelector('{QUESTIONS} li')")
    gemini.pace = SLOW
    deployed.config(site={"dist": str(changed / "dist")})
    assert deployed.json("site", "deploy")["outcome"] == "done"
    assert visitor.count(QUESTIONS) == 1, "the questions are still being written"
    gemini.pace = 0.0
    visitor.page.wait("document.querySelector('.turn')")
    assert taken_up(visitor) == [], "its stream was one and the same"

    assert not loaded(visitor) & lazy(built)
    visitor.answer(ANSWERS["en"])
    sum_up(visitor, "Sum up the interview")
    visitor.page.run("location.hash = '#/interviews'")
    visitor.sees("1 of 4 answered")  # with the follow-up question
    assert lazy(built) <= loaded(visitor), "the tab goes on with files of its own build"
    assert visitor.page.complaints == []

    assert not lazy(built) & lazy(changed)
    later = visit(deployed)
    later.page.run("location.hash = '#/interviews'")
    later.sees(SAID_ANEW)
    assert loaded(later) & lazy(changed)
    assert later.page.complaints == []
