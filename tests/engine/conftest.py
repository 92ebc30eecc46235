"""What tests on a real engine are given.

    engine      a client of the engine
    shop        the image of the test service (tests/support/service.py), V=1
    variant     variant(V="2", NEVER_READY="1") -> an image of it with other manners
    projects    projects() -> a Project; for tests that need several
    project     a Project: a folder, a service, a port of its own; nothing of it is left after the test
    serving     a Project for all tests of a process: a release serves, whichever that is
    resting     the same one where another release is warm
    served      the same one where version 2 serves and version 1 is warm

A test without an engine fails; it does not pass by being left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol

import docker
import pytest
from docker import DockerClient

from tests.support import engine as support
from tests.support import images
from tests.support.project import Project
from tests.support.standing import Standing


class Variant(Protocol):
    def __call__(self, image: str | None = None, **environment: str) -> str: ...


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    client = docker.from_env(timeout=120)
    support.sweep(client)
    images.remove_variants(client)
    yield client
    images.remove_variants(client)
    client.close()


@pytest.fixture(scope="session")
def shop(engine: DockerClient) -> str:
    return images.shop(engine)


@pytest.fixture(scope="session")
def variant(engine: DockerClient) -> Variant:
    def make(image: str | None = None, **environment: str) -> str:
        return images.variant(engine, image, **environment)

    return make


@pytest.fixture
def projects(engine: DockerClient, shop: str, tmp_path: Path) -> Iterator[Callable[[], Project]]:
    with ExitStack() as removals:

        def make() -> Project:
            project = Project(engine, Path(mkdtemp(dir=tmp_path)), shop)
            removals.callback(project.remove)
            return project

        yield make


@pytest.fixture
def project(projects: Callable[[], Project]) -> Project:
    return projects()


@pytest.fixture
def shop_project(project: Project) -> Project:
    """A project that keeps its orders, and does not watch for long."""
    project.keep_orders()
    project.config(rollout={"observe": "500ms", "drain": "20s", "drain_streams": "20s"})
    return project


@pytest.fixture(scope="session")
def standing(
    engine: DockerClient, shop: str, variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    made = Standing(
        lambda: Project(engine, tmp_path_factory.mktemp("standing"), shop), [variant(V="1"), variant(V="2")]
    )
    yield made
    made.remove()


@pytest.fixture
def served(standing: Standing) -> Project:
    return standing.project()


@pytest.fixture
def serving(standing: Standing) -> Project:
    return standing.serving()


@pytest.fixture
def resting(standing: Standing) -> Project:
    return standing.serving(warm=True)


@pytest.fixture
def two_releases(resting: Project) -> Project:
    """One that is at rest, and takes every step that a rollout can have."""
    resting.config(
        rollout={
            "before": [{"name": "migrate", "command": ["python3", "-c", "print(1)"]}],
            "after": [{"name": "tell", "command": ["python3", "-c", "print(2)"]}],
            "smoke": [{"path": "/health"}],
            "observe": "200ms",
        }
    )
    return resting
