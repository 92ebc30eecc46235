"""A small built front end, as Vite would leave it: pages, hashed assets that they name, odd names."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path


def build(folder: Path, version: str) -> None:
    """Replace `folder` by a site whose pages and assets say `version`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "assets").mkdir(parents=True)
    script = f"export const version = {version!r};\n" + "// what a bundler leaves\n" * 50
    style = f"body::after {{ content: {version!r} }}\n"
    names = [_asset(folder, "index", "js", script), _asset(folder, "index", "css", style)]
    for page in ("index.html", "about.html"):
        (folder / page).write_text(
            "<!doctype html><html lang=en><head><meta charset=utf-8>"
            f'<title>{version}</title><script type=module src="/{names[0]}"></script>'
            f'<link rel=stylesheet href="/{names[1]}"></head>'
            f"<body><h1>version {version}</h1></body></html>\n",
            encoding="utf-8",
        )
    (folder / "질문 1+1.txt").write_text(f"{version}\n", encoding="utf-8")


def _asset(folder: Path, stem: str, ending: str, text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    name = f"assets/{stem}-{digest}.{ending}"
    (folder / name).write_text(text, encoding="utf-8")
    return name
