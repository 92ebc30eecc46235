"""The controller's image: its Dockerfile, and the folder that is sent with it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer import resources
from deployer.config.schema import Config
from deployer.errors import ConfigError
from deployer.render import render

TEMPLATE = "jenkins/Dockerfile.j2"
_PACKAGES = ("deployer", "pipelines")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is built from: a Dockerfile's text, and a folder."""

    name: str
    dockerfile: str
    folder: Path


def dockerfile(config: Config) -> str:
    """The Dockerfile's text. :raises TemplateError: the template is wrong."""
    return render(TEMPLATE, jenkins=config.jenkins, wheels=config.jenkins.wheels is not None)


@contextlib.contextmanager
def recipe(config: Config) -> Iterator[Recipe]:
    """The recipe of a config's controller; its folder is there while the context is open.

    It holds this very package, from a checkout or from an installed wheel alike: the controller runs what
    made it.

    :raises ConfigError: `jenkins.wheels` is no folder.
    """
    with tempfile.TemporaryDirectory(prefix="deployer-jenkins-") as temporary:
        folder = Path(temporary)
        fill(config, folder)
        yield Recipe(f"{config.service.name}-jenkins", dockerfile(config), folder)


def fill(config: Config, folder: Path) -> None:
    """Write what the Dockerfile copies into `folder`, which must exist.

    :raises ConfigError: `jenkins.wheels` is no folder.
    """
    templates = resources.templates_folder()
    for name in ("plugins.txt", "requirements.txt"):
        shutil.copyfile(templates / "jenkins" / name, folder / name)
    package = folder / "package"
    for name in _PACKAGES:
        source = Path(resources.__file__).resolve().parent.parent / name
        # `_data` is the wheel's copy of what a checkout has beside its packages; it is put there anew below.
        shutil.copytree(source, package / name, ignore=shutil.ignore_patterns("__pycache__", "_data"))
    data = package / "deployer" / "_data"
    shutil.copytree(templates, data / "templates")
    shutil.copyfile(resources.default_config(), data / "config.yaml")
    wheels = config.jenkins.wheels
    if wheels is not None:
        found = config.root / wheels
        if not found.is_dir():
            raise ConfigError(
                f"jenkins.wheels: {found} is no folder",
                remedy="make it with `pip wheel --wheel-dir`, as docs/jenkins.md says",
            )
        shutil.copytree(found, folder / "wheels")
