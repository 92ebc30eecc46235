"""What an interview's scores come to: arithmetic, so that no text in a resume or an answer can talk it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.interviewer import Judgement, Turn

LOWEST, HIGHEST = 1, 5


@dataclass(frozen=True)
class Mean:
    """A criterion over all turns: the exact mean of its scores, and the best evidence that was quoted."""

    criterion: str
    title: str
    mean: Fraction
    evidence: str | None

    @property
    def score(self) -> int:
        """The mean as a score, halves upwards."""
        return round_half_up(self.mean)


def clamp(score: int) -> int:
    """The nearest score that there is."""
    return max(LOWEST, min(HIGHEST, score))


def means(turns: Sequence[Turn]) -> tuple[Mean, ...]:
    """One for each criterion, in the order of the first turn.

    :raises ValueError: no turns: there is nothing to sum up.
    """
    if not turns:
        raise ValueError("a report needs at least one answered question")
    given: dict[str, list[Judgement]] = {}
    for turn in turns:
        for judgement in turn.feedback.criteria:
            given.setdefault(judgement.criterion, []).append(judgement)
    return tuple(_mean(judgements) for judgements in given.values())


def overall(turns: Sequence[Turn]) -> int:
    """The mean of the criteria's means, stretched from 1..5 to 0..100.

    :raises ValueError: as `means`.
    """
    found = means(turns)
    if not found:
        return 0
    mean = sum((each.mean for each in found), Fraction()) / len(found)
    return round_half_up((mean - LOWEST) / (HIGHEST - LOWEST) * 100)


def round_half_up(value: Fraction) -> int:
    """2.5 is 3: people expect it, and `round` would give 2."""
    return int(value + Fraction(1, 2))


def _mean(judgements: list[Judgement]) -> Mean:
    quoted = [judgement for judgement in judgements if judgement.evidence]
    best = max(quoted, key=lambda judgement: judgement.score, default=None)
    return Mean(
        judgements[0].criterion,
        judgements[0].title,
        Fraction(sum(clamp(judgement.score) for judgement in judgements), len(judgements)),
        best.evidence if best else None,
    )
