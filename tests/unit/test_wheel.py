"""The wheel: installed away from the checkout it finds its templates, its config and its commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from deployer import resources
from deployer.errors import DeployerError

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("app", "boto3", "docker", "jenkins", "paramiko", "rich")


class Installed:
    """A virtual environment that holds the wheel; what it depends on is borrowed from this one."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder / "venv"
        venv.create(self.folder, with_pip=False)
        self.outside = folder
        # pip of this environment, so that nothing is downloaded.
        pip = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
        self._run([sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python"), *pip])

    def command(self, name: str, *arguments: str, expect: int = 0) -> str:
        """A console script; what it says on both streams."""
        return self._run([str(self.folder / "bin" / name), *arguments], expect=expect)

    def python(self, code: str) -> str:
        return self._run([str(self.folder / "bin" / "python"), "-c", code])

    def _run(self, command: list[str], expect: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=self.outside,
            # The checkout is installed here by a .pth file, which PYTHONPATH does not honour: not borrowed.
            env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == expect, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: building writes into the tree that it builds.
    tree = folder / "tree"
    no_caches = shutil.ignore_patterns("__pycache__", "_data")
    for name in ("deployer", "pipelines", "templates"):
        shutil.copytree(ROOT / name, tree / name, ignore=no_caches)
    for name in ("config.yaml", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tree / name)
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", *offline, "-w", str(folder), str(tree)]
    subprocess.run(build, check=True, timeout=240, stdin=subprocess.DEVNULL)
    (wheel,) = folder.glob("deployer-*.whl")
    shutil.rmtree(tree)
    return Installed(folder, wheel)


def test_an_installed_wheel_finds_its_templates_and_its_config(installed: Installed) -> None:
    said = installed.python(
        "import json\n"
        "from deployer.resources import default_config, templates_folder\n"
        "folder = templates_folder()\n"
        "files = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob('*') if p.is_file()}\n"
        "print(json.dumps([str(folder), files, default_config().read_text()]))"
    )
    folder, files, config = json.loads(said)
    assert Path(folder).is_relative_to(installed.folder)
    source = ROOT / "templates"
    assert files == {str(p.relative_to(source)): p.read_text() for p in source.rglob("*") if p.is_file()}
    assert config == (ROOT / "config.yaml").read_text()


def test_an_installed_wheel_has_its_commands(installed: Installed) -> None:
    assert "usage: deployer" in installed.command("deployer", "--help")
    assert "usage: pipelines" in installed.command("pipelines", "--help")


def test_help_imports_no_sdk(installed: Installed) -> None:
    code = (
        "import contextlib, io, json, sys\n"
        "from deployer.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    assert json.loads(installed.python(code)) == []


def test_a_checkout_reads_its_own_files() -> None:
    assert resources.templates_folder() == ROOT / "templates"
    assert resources.default_config() == ROOT / "config.yaml"


def test_an_incomplete_installation_says_what_is_missing(tmp_path: Path) -> None:
    package = tmp_path / "deployer"
    (tmp_path / "templates").mkdir()  # another project's, in the same site-packages
    with pytest.raises(DeployerError, match="_data/templates: missing") as caught:
        resources._find("templates", package)
    assert caught.value.remedy
