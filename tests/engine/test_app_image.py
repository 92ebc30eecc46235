"""The app's image, built from its template and run as a release is: read-only root, no rights, an init."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import requests
from docker import DockerClient
from docker.models.containers import Container

from deployer.image.context import DOCKERFILE, BuildContext, read
from deployer.image.dockerfile import labelled
from tests.support import engine as support
from tests.support import images
from tests.support.names import service_name

ROOT = Path(__file__).resolve().parents[2]
PORT = 8000
START = "/api/health/ready"

Start = Callable[..., Container]


def context(service: str) -> BuildContext:
    """What the deployer sends, by the repository's .dockerignore; each stage is labelled with the service."""
    template = (ROOT / "templates" / "docker" / "app.Dockerfile.j2").read_text("utf-8")
    config = SimpleNamespace(service=SimpleNamespace(name=service, port=PORT))
    recipe = jinja2.Template(template, undefined=jinja2.StrictUndefined)
    return read(ROOT, labelled(recipe.render(config=config, base=images.base()), service))


@pytest.fixture(scope="module")
def image(engine: DockerClient) -> Iterator[str]:
    subprocess.run([ROOT / "scripts" / "wheelhouse"], check=True, cwd=ROOT)
    name = service_name()
    tag = f"{name}:test"
    engine.images.build(
        fileobj=io.BytesIO(b"".join(context(name).stream())),
        custom_context=True,
        dockerfile=DOCKERFILE,
        tag=tag,
        buildargs={"GIT_SHA": "0123456789abcdef", "BUILT_AT": "2026-01-02T03:04:05Z"},
        rm=True,
        forcerm=True,
    )
    yield tag
    support.remove(engine, name)


@pytest.fixture
def volume(engine: DockerClient) -> Iterator[str]:
    name = f"{service_name()}-data"
    engine.volumes.create(name)
    yield name
    engine.volumes.get(name).remove(force=True)


@pytest.fixture
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


def url(container: Container) -> str:
    container.reload()
    address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
    return f"http://{address}:{PORT}"


def listening(container: Container) -> str:
    """Its address, once it says that it listens; from then on a connection waits for its turn."""
    with contextlib.closing(container.logs(stream=True, follow=True)) as lines:
        for line in lines:
            if b"Listening at" in line:
                return url(container)
    raise AssertionError(f"it ended without listening:\n{container.logs().decode()}")


def test_the_context_holds_the_app_and_its_packages_alone(image: str) -> None:
    assert image
    names = {entry.name for entry in context("any").entries if entry.kind == "file"}
    assert {name.split("/")[0] for name in names if not name.startswith("build/wheelhouse/")} == {"app"}
    assert "app/page.html" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_it_serves_an_interview_read_only_and_without_rights(start: Start, volume: str) -> None:
    release = start()
    base = listening(release)
    assert requests.get(f"{base}{START}", timeout=30).json() == {"status": "ok", "checks": {"database": "ok"}}
    version = requests.get(f"{base}/api/version", timeout=30).json()
    assert version["git_sha"] == "0123456789abcdef"
    assert version["built_at"] == "2026-01-02T03:04:05Z"
    assert release.id
    assert version["instance"] == release.id[:12]
    body = {"resume": "- Built the order API in Flask for 300 users", "role": "developer", "consent": True}
    created = requests.post(f"{base}/api/interviews", json=body, timeout=30)
    assert created.status_code == 201
    assert "<!doctype html>" in requests.get(f"{base}/", timeout=30).text

    assert release.exec_run(["id", "-u"]).output.strip() == b"10001"
    assert release.exec_run(["touch", "/srv/interview/x"]).exit_code != 0
    assert release.exec_run(["sh", "-c", "cat /proc/1/comm"]).output.strip() in (b"docker-init", b"tini")

    # The next release finds the interview on the volume.
    successor = start()
    found = requests.get(
        f"{listening(successor)}/api/interviews/{created.json()['id']}",
        headers={"Authorization": f"Bearer {created.json()['token']}"},
        timeout=30,
    )
    assert found.status_code == 200


def test_sigterm_ends_it_with_zero(start: Start) -> None:
    release = start()
    assert requests.get(f"{listening(release)}/api/health/live", timeout=30).status_code == 200
    release.kill("SIGTERM")
    assert release.wait(timeout=60)["StatusCode"] == 0


def test_the_hook_migrates_and_says_so(start: Start) -> None:
    first = start(["python", "-m", "app", "migrate"])
    assert first.wait(timeout=60)["StatusCode"] == 0
    assert b"migrated from schema 0" in first.logs()
    again = start(["python", "-m", "app", "migrate"])
    assert again.wait(timeout=60)["StatusCode"] == 0
    assert b"already" in again.logs()


def test_a_volume_that_cannot_be_written_makes_it_unready(start: Start) -> None:
    migrated = start(["python", "-m", "app", "migrate"])
    migrated.wait(timeout=60)
    response = requests.get(f"{listening(start(mode='ro'))}{START}", timeout=30)
    assert response.status_code == 503
    assert "INTERVIEW_DATABASE" in response.json()["checks"]["database"]


def test_bad_settings_end_it_with_the_reason_alone(start: Start) -> None:
    release = start(environment={"INTERVIEW_THREADS": "many"})
    assert release.wait(timeout=60)["StatusCode"] == 1
    log = release.logs().decode()
    assert "INTERVIEW_THREADS: 'many'" in log
    assert "Traceback" not in log


def test_the_image_holds_no_pip_no_wheels_and_nothing_of_the_deployer(start: Start) -> None:
    release = start(["sh", "-c", "ls -d /wheelhouse /opt/venv/bin/pip* /srv/interview/* 2>/dev/null; true"])
    release.wait(timeout=60)
    assert release.logs().split() == [b"/srv/interview/app"]
