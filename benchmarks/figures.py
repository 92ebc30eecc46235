"""What a benchmark hands back: figures with their targets, sections of a page, and their text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

COLUMNS = ("figure", "median", "lowest to highest", "runs", "target", "")


@dataclass(frozen=True)
class Figure:
    """One thing measured several times.

    :param values: one for each run, in `unit`.
    :param target: the most that the median may be; None where there is none.
    """

    what: str
    values: Sequence[float]
    unit: str
    target: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.median <= self.target

    def row(self) -> list[str]:
        return [
            self.what,
            f"{number(self.median)} {self.unit}",
            f"{number(min(self.values))} to {number(max(self.values))}",
            str(len(self.values)),
            "" if self.target is None else f"≤ {self.target:g} {self.unit}",
            verdict(self.met),
        ]


@dataclass(frozen=True)
class Section:
    """A table of the page.

    :param how: how it was measured; paragraphs of Markdown.
    :param rows: as many texts each as there are columns.
    """

    title: str
    how: str
    rows: Sequence[Sequence[str]]
    columns: Sequence[str] = field(default=COLUMNS)

    @classmethod
    def of(cls, title: str, how: str, figures: Sequence[Figure]) -> Section:
        return cls(title, how, [figure.row() for figure in figures])

    def text(self) -> str:
        """For a terminal."""
        table = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        return "\n".join([self.title, *(f"  {line.rstrip()}" for line in lines)])

    def markdown(self) -> str:
        """For docs/benchmarks.md."""
        lines = [
            "| " + " | ".join(self.columns) + " |",
            "|---" + "|---:" * (len(self.columns) - 1) + "|",
            *("| " + " | ".join(row) + " |" for row in self.rows),
        ]
        return "\n".join([f"### {self.title}", "", self.how.strip(), "", *lines])


def number(value: float) -> str:
    """Three digits or so: what the runs differ by anyway."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def verdict(met: bool | None) -> str:
    return "" if met is None else "met" if met else "missed"
