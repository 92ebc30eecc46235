"""The controller's image: its Dockerfile, and the folder that is sent with it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from deployer import resources
from deployer.config.schema import Config
from deployer.errors import ConfigError
from deployer.events import Emit
from deployer.host.engine import Engine
from deployer.image import context as contexts
from deployer.image.build import build_dockerfile, dockerfile_image
from deployer.render import render

TEMPLATE = "jenkins/Dockerfile.j2"
ACCESSORY = "deployer.accessory"
"""The label of all that stands beside a service: the service's name."""
_PACKAGES = ("deployer", "pipelines")


class Recipe(Struct, frozen=True):
    """What an image is built from; the Dockerfile's first line stands for the folder's contents."""

    name: str
    dockerfile: str
    folder: Path

    @property
    def reference(self) -> str:
        """The image's name, before and after it is built."""
        return dockerfile_image(self.name, self.dockerfile)

    def build(self, engine: Engine, emit: Emit) -> None:
        """Build it where the engine lacks it. :raises ImageError: it cannot be built."""
        labels = {ACCESSORY: self.name.removesuffix("-jenkins")}

        @contextlib.contextmanager
        def files() -> Iterator[Path]:
            yield self.folder

        build_dockerfile(engine, self.name, self.dockerfile, labels, emit, folder=files)


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
        yield write(config, folder)


def write(config: Config, folder: Path) -> Recipe:
    """Write what the Dockerfile copies into `folder`, which must exist and be empty.

    :raises ConfigError: `jenkins.wheels` is no folder.
    """
    _fill(config, folder)
    text = dockerfile(config)
    stamped = f"# of {contexts.read(folder, text).digest}\n{text}"
    return Recipe(f"{config.service.name}-jenkins", stamped, folder)


def _fill(config: Config, folder: Path) -> None:
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
