"""The two languages that the service speaks, and whose choice counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the migrate command reads settings without paying for a web framework
    from werkzeug.datastructures import LanguageAccept

Language = Literal["ko", "en"]


def as_language(value: object) -> Language | None:
    """The language that a value names, or None."""
    match value:
        case "ko" | "en" as language:
            return language
    return None


def preferred(accepted: LanguageAccept, default: Language) -> Language:
    """The better of ours by Accept-Language (`ko-KR` is `ko`), or the default where it says nothing."""
    return as_language(accepted.best_match(["ko", "en"])) or default
