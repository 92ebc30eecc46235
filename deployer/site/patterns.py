"""Patterns of paths, as `site.rules`, `site.ignore` and others give them.

`*` and `?` stay within one name, `**` is any number of folders; a pattern without a slash is matched against
the name alone, in every folder, as people expect of `*.map`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from deployer.image.ignore import translate

Matches = Callable[[str], bool]


def compile_patterns(patterns: Iterable[str]) -> Matches:
    """Whether a path matches one of the patterns; nothing matches none."""
    regexes = [_regex(pattern) for pattern in patterns]
    if not regexes:
        return lambda _path: False
    match = re.compile("|".join(regexes), re.DOTALL).fullmatch
    return lambda path: match(path) is not None


def _regex(pattern: str) -> str:
    anywhere = "" if "/" in pattern else "(?:.*/)?"
    return f"(?:{anywhere}{translate(pattern)})"
