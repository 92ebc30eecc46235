"""Text as a reader sees it: what nobody sees is taken out, wherever it came from."""

from __future__ import annotations

import unicodedata

INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Unicode categories: controls, formats (zero-width and tag characters), lone surrogates, private use."""


def clean(text: str) -> str:
    """Composed, and without what no reader sees: controls, zero-width and tag characters, lone surrogates."""
    seen = unicodedata.normalize("NFC", _few_marks(text.replace("\r\n", "\n").replace("\t", " ")))
    return "".join(c for c in seen if c == "\n" or unicodedata.category(c) not in INVISIBLE).strip()


def _few_marks(text: str) -> str:
    """At most 30 combining marks in a row, as UAX #15 has it for streams.

    Normalising sorts a row of marks in quadratic time: a minute for 250 kB, in which nothing else runs.
    """
    if text.isascii():
        return text
    kept: list[str] = []
    row = 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row <= 30:
            kept.append(character)
    return "".join(kept)
