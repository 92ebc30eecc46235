"""A front end that is built in a moment, the folder it is deployed from, and a visitor who looks at it.

Each build has its number in everything it consists of, so that a visitor can tell what belongs together.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.site.references import references
from deployer.site.s3 import open_store
from deployer.site.s3.store import S3Store
from deployer.site.store import Store
from tests.support import cli, nursery
from tests.support.cli import Done
from tests.support.s3 import Server
from tests.support.scale import times

ROOT = Path(__file__).resolve().parents[2]


class SiteProject:
    """A folder with a config.yaml and a build in dist/, and a bucket that is its own."""

    def __init__(self, folder: Path, server: Server, bucket: str | None = None) -> None:
        self.folder = folder
        self.server = server
        self.bucket = bucket or server.bucket()
        self.dist = folder / "dist"
        self.last = ""
        self._store: S3Store | None = None
        self.config()

    def config(self, **site: Any) -> Path:
        """Write config.yaml with these keys of `site` besides the bucket."""
        text = yaml.safe_dump(
            {
                "service": {"name": "shop", "image": "shop:1", "port": 80},
                "site": {"bucket": self.bucket, "endpoint": self.server.endpoint, **site},
            },
            allow_unicode=True,
        )
        path = self.folder / "config.yaml"
        path.write_text(text)
        return path

    def loaded(self) -> Config:
        """The config as the deployer reads it."""
        return load(self.folder / "config.yaml", environ={})

    @property
    def store(self) -> S3Store:
        """The bucket, for looking at it."""
        if self._store is None:
            site = self.loaded().site
            assert site is not None
            self._store = open_store(site, self.server.environ)
        return self._store

    def close(self) -> None:
        """Hang up."""
        if self._store is not None:
            self._store.close()

    def build(self, number: int, files: Mapping[str, str | bytes] | None = None, *, chunks: int = 2) -> None:
        """A build: two pages; a style sheet and chunks, whose names change with the number; an icon."""
        shutil.rmtree(self.dist, ignore_errors=True)
        names = []
        for chunk in range(chunks):
            names.append(self._hashed(f"chunk{chunk}", "js", f"export const release = {number}; // {chunk}"))
        imports = "".join(f'import "./{name}";' for name in names)
        entry = self._hashed("index", "js", f"{imports} const release = {number};")
        style = self._hashed("style", "css", f"/* release {number} */ body {{ margin: 0 }}")
        for page in ("index.html", "about.html"):
            self.write(
                page,
                f'<!doctype html><html lang="en"><title>release {number}</title>'
                f'<link rel="stylesheet" href="/assets/{style}"><link rel="icon" href="/icon.svg">'
                f'<script type="module" src="/assets/{entry}"></script></html>',
            )
        self.write("icon.svg", "<svg/>")
        for path, content in (files or {}).items():
            self.write(path, content)

    def write(self, path: str, content: str | bytes) -> Path:
        """A file of the build."""
        target = self.dist / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def _hashed(self, stem: str, ending: str, content: str) -> str:
        name = f"{stem}-{hashlib.sha256(content.encode()).hexdigest()[:8]}.{ending}"
        self.write(f"assets/{name}", content)
        return name

    def run(self, *words: str, expect: int | None = 0) -> Done:
        """`deployer site ...` in this process; checks the exit code (None: any)."""
        done = cli.run("site", *words, "-c", str(self.folder / "config.yaml"), **self.server.environ)
        self.last = done.stdout + done.stderr
        assert expect is None or done.status == expect, f"{words}: exit code {done.status}\n{self.last}"
        return done

    def accident(self, signal: str, strike: int, *words: str) -> int:
        """The same in a process of its own, with an accident before its n-th effect; its exit code."""
        done = nursery.run(
            "tests.support.crash",
            [signal, str(strike), "site", *words],
            cwd=self.folder,
            env=os.environ | self.server.environ,
        )
        self.last = done.stdout + done.stderr
        return done.returncode

    def there(self) -> list[str]:
        """What visitors can get."""
        return [each.key for each in self.store.listing("") if not each.key.startswith(".deployer/")]

    def title(self) -> int:
        """The build that the page is of."""
        return release_in(self.store, "index.html")


def release_in(store: Store, key: str) -> int:
    """The build that a file says it is of."""
    found = store.read(key)
    assert found is not None, f"{key} is not there"
    said = re.search(rb"release(?: =)? (\d+)", found[0])
    assert said is not None, f"{key} says no release: {found[0]!r}"
    return int(said[1])


PAUSE = times(30, 0) / 1000
"""Seconds between two visits: one without any takes a processor to itself."""


class Visitor:
    """Loads both pages and all that they refer to, again and again, as a browser without a cache would."""

    def __init__(self, project: SiteProject) -> None:
        self._store = project.store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._browse, daemon=True)
        self.visits = 0
        self.releases: set[int] = set()
        self.faults: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _browse(self) -> None:
        while not self._ended.wait(PAUSE):
            for page in ("index.html", "about.html"):
                try:
                    self.visit(page)
                except Exception as error:  # noqa: BLE001  (a visitor who gives up would see no faults)
                    self.faults.append(f"{page}: {error!r}")
            self.visits += 1

    def visit(self, page: str) -> None:
        """Load a page with everything it needs; what is missing, or of another build, is a fault."""
        found = self._store.read(page)
        if found is None:
            self.faults.append(f"{page} is not there")
            return
        said = re.search(rb"release (\d+)", found[0])
        number = int(said[1]) if said else -1
        self.releases.add(number)
        todo, seen = [(page, "text/html", found[0])], {page}
        while todo:
            path, media, body = todo.pop()
            for target in references(path, media, body.decode()):
                if target in seen:
                    continue
                seen.add(target)
                loaded = self._store.read(target)
                if loaded is None:
                    self.faults.append(f"{path} of release {number} refers to {target}, which is not there")
                    continue
                if target.startswith("assets/") and not re.search(
                    rb"release(?: =)? %d\b" % number, loaded[0]
                ):
                    self.faults.append(f"{path} of release {number} got {target} of another: {loaded[0]!r}")
                media = "text/javascript" if target.endswith(".js") else "text/css"
                todo.append((target, media if target.endswith((".js", ".css")) else "image", loaded[0]))
