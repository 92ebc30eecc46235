"""What a page, a style sheet or a script refers to, as paths of the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

from deployer.site.media import is_page

_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))\s*\)|@import\s+(?:"([^"]*)"|'([^']*)')""")
# What bundlers write: static and dynamic imports, workers, and Vite's list of what a chunk needs.
_IMPORT = re.compile(
    r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew\s+URL\(\s*)(?:"([^"\n]+)"|'([^'\n]+)'|`([^`$\n]+)`)"""
)
_ASSET = re.compile(r"""["'`]((?:\.{0,2}/)?assets/[^"'`\s$?#]+\.[A-Za-z0-9]+)["'`]""")
_ATTRIBUTES = {
    "a": ("href",),
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href", "imagesrcset"),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
_NOT_LOADED = {"preconnect", "dns-prefetch", "canonical", "alternate"}
_SCRIPTS = ("text/javascript", "application/javascript", "application/x-javascript")


class _Page(HTMLParser):
    """Gathers what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        self._inside = tag if tag in ("style", "script") else ""
        if tag == "base":
            self.base = given.get("href", "")
        relations = set((given.get("rel") or "").lower().split())
        # An alternate style sheet is loaded like any other.
        if tag == "link" and _NOT_LOADED & relations and "stylesheet" not in relations:
            return
        for name in _ATTRIBUTES.get(tag, ()):
            value = given.get(name)
            if value and name.endswith("srcset"):
                self.found += [candidate.split()[0] for candidate in value.split(",") if candidate.split()]
            elif value:
                self.found.append(value)
        if "style" in given:
            self.found += of_style(given["style"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.found += of_style(data)
        elif self._inside == "script":
            self.found += of_script(data)


def of_style(text: str) -> list[str]:
    """What a style sheet refers to, as it is written there."""
    return ["".join(found) for found in _URL.findall(text) if "".join(found)]


def of_script(text: str) -> list[str]:
    """What a script loads, as far as it says so in so many words."""
    imports = ["".join(found) for found in _IMPORT.findall(text)]
    imports = [each for each in imports if each.startswith(("./", "../", "/"))]
    # Vite writes what a chunk needs relative to the site's root.
    needs = [each if each.startswith((".", "/")) else "/" + each for each in _ASSET.findall(text)]
    return [*imports, *needs]


def refers(content_type: str) -> bool:
    """Whether a file of this type may refer to others."""
    return is_page(content_type) or content_type.startswith(("text/css", *_SCRIPTS))


def references(path: str, content_type: str, text: str) -> Iterator[str]:
    """The paths of the site that a file refers to; what leads to other sites, or nowhere, is left out.

    :param path: of the file, without a slash in front.
    """
    base = "/" + path
    if is_page(content_type):
        page = _Page()
        page.feed(text)
        if page.base:
            base = posixpath.join(base, urlsplit(page.base).path or "")
        found = page.found
    elif content_type.startswith("text/css"):
        found = of_style(text)
    elif content_type.startswith(_SCRIPTS):
        found = of_script(text)
    else:
        return
    seen = set()
    for reference in found:
        target = resolve(base, reference)
        if target is not None and target not in seen:
            seen.add(target)
            yield target


def resolve(base: str, reference: str) -> str | None:
    """The path that a reference leads to, without a slash in front; None where it leads out of the site."""
    try:
        parts = urlsplit(reference.strip())
    except ValueError:
        return None
    if parts.scheme or parts.netloc or not parts.path:
        return None
    joined = posixpath.join(posixpath.dirname(base), unquote(parts.path))
    path = posixpath.normpath(joined)
    if joined.endswith("/") and path != "/":
        path += "/"
    return path.lstrip("/")
