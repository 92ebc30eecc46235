"""docs/benchmarks.md: people write around the markers, a run writes between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.figures import Section
from tests.support.images import ROOT

PATH = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- measured by `make bench`; do not edit from here -->"
END = "<!-- to here -->"


def write(sections: Sequence[Section], machine: str, busyness: str) -> None:
    """Puts a run's sections in the page, each in place of the one with its title; the others stay.

    Each says when and where it was measured: a whole run takes long, and not every change asks for one.
    Raises ValueError where the markers are gone.
    """
    page = PATH.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    body, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PATH} lacks the markers {BEGIN} and {END}")
    measured = (
        f"*Measured on {datetime.now(UTC):%Y-%m-%d}: {machine}. "
        f"Processes that wanted to run when the measuring began: {busyness}.*"
    )
    written = re.findall(r"^### .*?(?=^### |\Z)", body, re.MULTILINE | re.DOTALL)
    texts = {text.partition("\n")[0]: text.strip() for text in written}
    for section in sections:
        heading, _, text = section.markdown().partition("\n")
        texts[heading] = f"{heading}\n\n{measured}\n{text}"
    results = "\n\n".join(texts.values())
    new = PATH.with_suffix(".md.new")
    new.write_text(f"{before}{BEGIN}\n\n{results}\n\n{END}{after}", encoding="utf-8")
    new.replace(PATH)
