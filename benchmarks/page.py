"""docs/benchmarks.md: people write around the markers, a run writes between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.figures import Section
from tests.support.images import ROOT

PATH = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- measured by `make bench`; do not edit from here -->"
END = "<!-- to here -->"


def write(sections: Sequence[Section], machine: str, busyness: str) -> None:
    """Puts a run's results in the page. Raises ValueError where the markers are gone."""
    page = PATH.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PATH} lacks the markers {BEGIN} and {END}")
    head = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine}.",
        f"Processes that wanted to run when the measuring began: {busyness}.",
    ]
    body = "\n\n".join(["\n".join(head), *(section.markdown() for section in sections)])
    new = PATH.with_suffix(".md.new")
    new.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}", encoding="utf-8")
    new.replace(PATH)
