"""What each file is served with: defaults by what it is, then `site.rules`, the later ones last."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from deployer.config.sections.site import Site
from deployer.site.media import is_page, media_type
from deployer.site.patterns import Matches, compile_patterns
from deployer.site.store import Headers

FOR_EVER = "public, max-age=31536000, immutable"
"""Of files whose name changes with their content: a year is the longest that is heeded."""
ASK_FIRST = "no-cache"
"""Of pages: they may be kept, but are asked about at each visit, so that a release shows at once."""
A_WHILE = "public, max-age=300"
"""Of everything else: short, since a browser that keeps it cannot be told."""


class Treatment(NamedTuple):
    """How a file is sent.

    :ivar hashed: its name changes with its content.
    """

    headers: Headers
    hashed: bool

    @property
    def page(self) -> bool:
        """Whether a visitor opens it."""
        return is_page(self.headers.content_type)


class Rules:
    """The rules of a config, made ready for thousands of paths."""

    def __init__(self, site: Site) -> None:
        self._hashed = compile_patterns(site.hashed)
        self._rules: list[tuple[Matches, dict[str, object]]] = []
        for rule in site.rules:
            changes: dict[str, object] = {}
            if rule.cache_control is not None:
                changes["cache_control"] = rule.cache_control
            if rule.content_type is not None:
                changes["content_type"] = rule.content_type
            if rule.encoding is not None:
                changes["content_encoding"] = "" if rule.encoding == "none" else rule.encoding
            if rule.metadata:
                changes["metadata"] = rule.metadata
            self._rules.append((compile_patterns([rule.match]), changes))
        self._made: dict[tuple[str, bool, tuple[int, ...]], Treatment] = {}

    def of(self, path: str) -> Treatment:
        """How the file at `path` is sent; equal ones are the same object."""
        media, hashed = media_type(path), self._hashed(path)
        applied = tuple([index for index, (matches, _) in enumerate(self._rules) if matches(path)])
        key = (media, hashed, applied)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(media, hashed, applied)
        return made

    def _make(self, media: str, hashed: bool, applied: tuple[int, ...]) -> Treatment:
        page = is_page(media)
        cached = ASK_FIRST if page else FOR_EVER if hashed else A_WHILE
        headers = Headers(media, cached)
        metadata: dict[str, str] = {}
        for index in applied:
            changes = dict(self._rules[index][1])
            found = changes.pop("metadata", None)
            if isinstance(found, dict):
                metadata.update(found)
            headers = replace(headers, **changes)  # of the names above, all text
        headers = replace(headers, metadata=tuple(sorted(metadata.items())))
        return Treatment(headers, hashed and not is_page(headers.content_type))
