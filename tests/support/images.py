"""Images of the shop: one that is built once per content, and variants that differ in their environment.

    shop(client)                -> deployer-test/shop:<12 hex digits>, which is deployer-test/shop:1 too
    java(client)                -> a base image with a Java 17 runtime on its PATH
    variant(client, V="2")      -> deployer-test/shop:t<pid>-<12 hex digits>, removed after the session

Python comes from Debian's packages, in an image of its own, so that a changed shop costs a copy, not an
install. Sessions may build at the same time: a lock file lets one do it, and the others find it done.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from deployer.config.schema import Config
from deployer.events import ignore
from deployer.host.engine import Engine
from deployer.image.edge import edge_image
from tests.support.names import abandoned

ROOT = Path(__file__).resolve().parents[2]
BASE = "deployer.local/debian:bookworm"
REPOSITORY = "deployer-test/shop"
LABEL = "deployer-test"

PYTHON = """\
FROM {base}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends python3-minimal libpython3-stdlib \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
"""

SHOP = """\
FROM {python}
COPY service.py /srv/shop.py
ENV V=1 PYTHONUNBUFFERED=1
EXPOSE 8080
CMD ["python3", "-I", "/srv/shop.py"]
"""

JAVA = """\
FROM {base}
COPY java /opt/java
ENV PATH=/opt/java/bin:$PATH
"""
JAVA_MODULES = "java.base,jdk.httpserver"


def base() -> str:
    """The base image's tag; made by the repository's own script where the engine lacks it."""
    client = docker.from_env()
    try:
        if not exists(client, BASE):
            subprocess.run([ROOT / "scripts" / "base-image"], check=True, cwd=ROOT)
    finally:
        client.close()
    return BASE


def shop(client: DockerClient) -> str:
    """The image of the shop with V=1, built where the engine lacks it."""
    source = (ROOT / "tests" / "support" / "service.py").read_bytes()
    with alone():
        recipe = SHOP.format(python=_python(client))
        tag = f"{REPOSITORY}:{digest(recipe, source)}"
        _build(client, tag, recipe, {"service.py": source})
        client.images.get(tag).tag(REPOSITORY, "1")
        _edge()
    return tag


def _edge() -> None:
    """The edge's image, which the first command on an engine makes: here once, not by every worker."""
    config = Config.of({"service": {"name": "shop", "image": "shop:1", "port": 8080}})
    edge_image(Engine(), config, ignore)


def python(client: DockerClient) -> str:
    """The base with Debian's Python, built where the engine lacks it."""
    with alone():
        return _python(client)


def _python(client: DockerClient) -> str:
    recipe = PYTHON.format(base=base())
    tag = f"deployer-test/python:{digest(recipe, str(client.images.get(BASE).id))}"
    _build(client, tag, recipe)
    return tag


def java(client: DockerClient) -> str:
    """A base image with the runtime that this machine's JDK links; made where the engine lacks it."""
    with alone():
        recipe = JAVA.format(base=base())
        tag = f"deployer-test/java:{digest(recipe, str(client.images.get(BASE).id), JAVA_MODULES)}"
        if not exists(client, tag):
            with tempfile.TemporaryDirectory(prefix="deployer-test-") as folder:
                slim = ("--strip-debug", "--no-man-pages", "--no-header-files")
                linked = ("--add-modules", JAVA_MODULES, "--output", f"{folder}/java")
                subprocess.run(["jlink", *slim, *linked], check=True)
                Path(folder, "Dockerfile").write_text(recipe, encoding="utf-8")
                client.images.build(path=folder, tag=tag, labels={LABEL: "1"}, rm=True, forcerm=True)
    return tag


def variant(client: DockerClient, image: str | None = None, **environment: str) -> str:
    """The shop, or another image, with these environment variables; of this session alone.

    Two variants that differ in nothing are the same image.
    """
    recipe = f"FROM {image or shop(client)}\n" + "".join(
        f"ENV {name}={json.dumps(value)}\n" for name, value in sorted(environment.items())
    )
    tag = f"{REPOSITORY}:t{os.getpid():x}-{digest(recipe)}"
    _build(client, tag, recipe)
    return tag


def heavier(client: DockerClient, image: str, *, megabytes: int) -> str:
    """An image with one more layer of so many megabytes, which cannot be packed; of this session alone."""
    ballast = os.urandom(megabytes << 20)
    tag = f"{REPOSITORY}:t{os.getpid():x}-{digest(image, ballast[:64])}"
    _build(client, tag, f"FROM {image}\nCOPY ballast /srv/ballast\n", {"ballast": ballast})
    return tag


def remove_variants(client: DockerClient) -> None:
    """Removes the variants of this session, and those of sessions that are gone."""
    mine = f"t{os.getpid():x}-"
    # Not client.images.list: it looks at each of them again, and another session may have removed one since.
    for found in client.api.images(name=REPOSITORY):
        for reference in found["RepoTags"] or ():
            tag = reference.rpartition(":")[2]
            if tag.startswith(mine) or abandoned(tag[: tag.find("-") + 7]):
                with contextlib.suppress(ImageNotFound, APIError):  # in use by a session that still runs
                    client.images.remove(reference)


def exists(client: DockerClient, tag: str) -> bool:
    """Whether the engine has an image."""
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def _build(client: DockerClient, tag: str, recipe: str, files: Mapping[str, bytes] | None = None) -> None:
    if exists(client, tag):
        return
    client.images.build(
        fileobj=_context({"Dockerfile": recipe.encode(), **(files or {})}),
        custom_context=True,
        tag=tag,
        labels={LABEL: "1"},
        rm=True,
        forcerm=True,
    )


def _context(files: Mapping[str, bytes]) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    packed.seek(0)
    return packed


def digest(*parts: str | bytes) -> str:
    """Twelve hex digits that name a content."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else part)
        total.update(b"\0")
    return total.hexdigest()[:12]


@contextlib.contextmanager
def alone(what: str = "images") -> Iterator[None]:
    """Within: no other session of tests makes an image, or this one."""
    path = Path(tempfile.gettempdir()) / f"deployer-test-{what}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
