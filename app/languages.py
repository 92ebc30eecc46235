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
    """The better of ours by Accept-Language (`ko-KR` is `ko`), or the default where it says nothing.

    Not `best_match`: that takes `en` out of `ko-KR, en;q=0.5`, an exact match before a better one.
    """
    ours = (as_language(tag.partition("-")[0].lower()) for tag, quality in accepted if quality > 0)
    return next((language for language in ours if language), default)
