"""The Java example: the stand-in gradlew, the Spring template, a rollout of what they make.

Gradle and Amazon Corretto's image cannot be had where no registry can be reached: the jar is made by the JDK
that Gradle would call, and the image's Java is a runtime that the same JDK links.
"""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import requests
import yaml
from docker import DockerClient

from tests.support import images
from tests.support.images import ROOT
from tests.support.project import Project

EXAMPLE = ROOT / "examples" / "spring"


@pytest.fixture
def java(engine: DockerClient) -> str:
    return images.java(engine)


@pytest.fixture
def example(project: Project, java: str) -> Project:
    """The example, in a folder of its own, with its config but for what a test must choose."""
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True)
    given: dict[str, Any] = yaml.safe_load((EXAMPLE / "config.yaml").read_text())
    build = {**given["service"]["build"], "base": java}
    build["dockerfile"] = str(ROOT / "templates" / "docker" / "spring.Dockerfile.j2")
    project.config(
        service={**given["service"], "name": project.name, "image": None, "build": build},
        rollout={**given["rollout"], "observe": "0s"},
        pipelines=given["pipelines"],
    )
    return project


def test_the_example_is_built_tested_and_serves(example: Project) -> None:
    example.pipeline("backend")
    answer = requests.get(f"{example.url}/api/version", timeout=10)
    assert (answer.status_code, answer.json()) == (200, {"version": "1.0.0"})
    image = example.client.images.get(example.status()["active"]["image"])
    files = image.history()
    assert image.attrs["Config"]["User"] == "10001:10001"
    assert not any("gradlew" in (layer["CreatedBy"] or "") for layer in files)

    # The same sources give the same jar, and so the same image, wherever they are built.
    shutil.rmtree(example.folder / "build")
    done = example.pipeline("backend")
    assert "build: building (build/libs/interview.jar is missing)" in done.stderr
    assert "containerize: skipped" in done.stderr
    assert "redeploy: skipped" in done.stderr


def test_a_mistake_in_the_sources_is_shown(example: Project) -> None:
    source = example.folder / "src/main/java/interview/Service.java"
    source.write_text(source.read_text().replace("told.await();", "told.await()"))
    done = example.pipeline("backend", "build", expect=12)
    assert "Service.java" in done.stderr
    assert "';' expected" in done.stderr
