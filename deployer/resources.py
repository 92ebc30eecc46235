"""Where `templates/` and the default `config.yaml` are: in the checkout, else inside the wheel."""

from __future__ import annotations

from pathlib import Path

from deployer.errors import DeployerError

_PACKAGE = Path(__file__).resolve().parent


def templates_folder() -> Path:
    """The folder that holds `docker/`, `haproxy/` and the other templates.

    :raises DeployerError: the installation lacks it.
    """
    return _find("templates", _PACKAGE)


def default_config() -> Path:
    """The annotated `config.yaml` that runs as it is.

    :raises DeployerError: the installation lacks it.
    """
    return _find("config.yaml", _PACKAGE)


def _find(name: str, package: Path) -> Path:
    """`name` beside the package if that is a checkout, else in the package's `_data`."""
    # setup.py tells a checkout from a site-packages folder, where anybody's `templates` may lie.
    in_checkout = (package.parent / "setup.py").is_file()
    path = (package.parent if in_checkout else package / "_data") / name
    if not path.exists():
        raise DeployerError(
            f"{path}: missing from this installation of deployer",
            remedy="Install deployer again from a complete checkout or wheel.",
        )
    return path
