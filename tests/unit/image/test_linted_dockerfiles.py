"""Every Dockerfile that is rendered from a template, as hadolint wants it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.image import store
from deployer.image.dockerfile import text_of
from deployer.render import render
from pipelines.jenkins import image

ROOT = Path(__file__).resolve().parents[3]
PLAIN = Config.of({"service": {"name": "shop", "image": "shop:1", "port": 8080}})

IGNORED = {
    # Versions of Debian's packages: its archive keeps only the newest of each, so that a pinned one soon
    # cannot be installed at all. What is pinned is the base.
    "DL3008",
}


def of_service(folder: str) -> str:
    """The Dockerfile of a service in this repository, as its config has it."""
    config = load(ROOT / folder / "config.yaml", environ={})
    assert config.service.build is not None
    return text_of(config, config.service.build)


def of_controller(wheels: str | None) -> str:
    text = image.dockerfile(PLAIN.replaced(jenkins=replace(PLAIN.jenkins, wheels=wheels and Path(wheels))))
    assert ("--no-index" in text) == (wheels is not None)
    return text


TEXTS = {
    "app": lambda: of_service("."),
    "spring": lambda: of_service("examples/spring"),
    "edge": lambda: render("docker/edge.Dockerfile.j2", base="debian:bookworm-slim"),
    "store": lambda: render(
        "docker/store.Dockerfile.j2",
        base="debian:bookworm-slim",
        package=store.PACKAGE,
        hash="0",
        user=store.USER,
    ),
    "jenkins": lambda: of_controller(None),
    "jenkins with wheels": lambda: of_controller("wheels"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_rendered_dockerfile_is_as_hadolint_wants_it(name: str) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    ignored = [word for rule in sorted(IGNORED) for word in ("--ignore", rule)]
    done = subprocess.run(
        [hadolint, "--no-color", *ignored, "-"],
        input=TEXTS[name](),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_every_template_of_a_dockerfile_is_among_them() -> None:
    found = {path.relative_to(ROOT) for path in (ROOT / "templates").rglob("*Dockerfile.j2")}
    assert {str(path.parent.name) for path in found} == {"docker", "jenkins"}
    names = {path.name.partition(".")[0] for path in found if path.parent.name == "docker"}
    assert names | {"jenkins"} <= set(TEXTS)
