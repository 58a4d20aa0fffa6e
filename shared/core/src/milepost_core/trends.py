"""Where a score is heading: smoothing, slope with evidence, change over days, level breaks.

It never looks at a single signal, and never calls a wobble a trend without evidence.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise
from statistics import median
from typing import Final, Literal

import numpy as np

__all__ = [
    "Break", "Trend", "change_over", "level_break", "level_breaks", "mann_kendall_p", "noise_band", "page_hinkley",
    "smoothed", "theil_sen", "trend",
]  # fmt: skip

_FALL_POINTS: Final = 10.0
_FALL_DAYS: Final = 28.0
_SLOPE_DAYS: Final = 56.0
_SLOPE_PER_WEEK: Final = 1.0
_EVIDENCE: Final = 0.1
_LEAST_NOISE: Final = 3.0
_NOISE_SIGMAS: Final = 2.0
_QUARTILES_APART: Final = 1.349
_ROUNDING: Final = 1e-9


class Trend(StrEnum):
    """The word for where a score is heading."""

    FALLING = "falling"
    STEADY = "steady"
    RISING = "rising"
    UNKNOWN = "unknown"


def trend(days: Sequence[float], scores: Sequence[float]) -> Trend:
    """The trend word of a history.

    Falling: 10 points or more lost over 28 days, or a Theil-Sen slope over the last 8 weeks below
    −1 point per week that Mann-Kendall believes (p < 0.1) and that adds up to more than the account's own
    noise. Rising is the mirror image.

    Args:
        days: moments in days, ascending; the last is now.
        scores: one per moment, none missing.
    """
    change = change_over(days, scores, _FALL_DAYS)
    recent = [(day, score) for day, score in zip(days, scores, strict=True) if day >= days[-1] - _SLOPE_DAYS]
    slope, p = 0.0, 1.0
    if len(recent) > 2:
        at, values = zip(*recent, strict=True)
        slope, p = theil_sen([day / 7.0 for day in at], values), mann_kendall_p(values)
        if abs(slope) * (at[-1] - at[0]) / 7.0 <= noise_band(values):
            slope = 0.0
    if change is None and len(recent) <= 2:
        return Trend.UNKNOWN
    if (change or 0.0) <= -_FALL_POINTS + _ROUNDING or (slope < -_SLOPE_PER_WEEK and p < _EVIDENCE):
        return Trend.FALLING
    if (change or 0.0) >= _FALL_POINTS - _ROUNDING or (slope > _SLOPE_PER_WEEK and p < _EVIDENCE):
        return Trend.RISING
    return Trend.STEADY


def noise_band(scores: Sequence[float]) -> float:
    """How many points a score may move without that meaning anything: its own wobble, at least 3.

    Twice the robust standard deviation of the level, taken from the quartiles of the steps from one score to
    the next (a difference of two has √2 times the noise of one, and quartiles lie 1.349 deviations apart).
    """
    steps = [after - before for before, after in pairwise(scores)]
    if len(steps) < 3:
        return _LEAST_NOISE
    quarter, three_quarters = np.quantile(steps, (0.25, 0.75))
    spread = float(three_quarters - quarter) / _QUARTILES_APART / math.sqrt(2.0)
    return max(_LEAST_NOISE, _NOISE_SIGMAS * spread)


def change_over(days: Sequence[float], scores: Sequence[float], span_days: float) -> float | None:
    """Last score minus the newest one at least ``span_days`` older; None if there is none."""
    if not days:
        return None
    older = [score for day, score in zip(days, scores, strict=True) if day <= days[-1] - span_days]
    return scores[-1] - older[-1] if older else None


def smoothed(days: Sequence[float], values: Sequence[float], half_life_days: float) -> list[float]:
    """Exponentially weighted average on irregular dates: λ = 1 − 2^(−Δt/half-life)."""
    level: list[float] = []
    for index, value in enumerate(values):
        if index == 0:
            level.append(value)
            continue
        share = 1.0 - 2.0 ** (-(days[index] - days[index - 1]) / half_life_days)
        level.append(level[-1] + share * (value - level[-1]))
    return level


def theil_sen(at: Sequence[float], values: Sequence[float]) -> float:
    """Median of the slopes of all pairs, per unit of ``at``; 0 without two different moments."""
    pairs = combinations(zip(at, values, strict=True), 2)
    slopes = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in pairs if later[0] != earlier[0]]
    return float(median(slopes)) if slopes else 0.0


def mann_kendall_p(values: Sequence[float]) -> float:
    """Two-sided p of no trend: normal approximation with ties and continuity correction."""
    n = len(values)
    balance = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    ties = Counter(values).values()
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18.0
    if variance <= 0 or balance == 0:
        return 1.0
    return math.erfc((abs(balance) - 1) / math.sqrt(2.0 * variance))


def page_hinkley(values: Sequence[float], delta: float) -> list[float]:
    """How far the cumulative sum has fallen below its maximum, for a fall of the mean (running mean)."""
    mean, total, highest = 0.0, 0.0, -math.inf
    statistic: list[float] = []
    for index, value in enumerate(values):
        mean += (value - mean) / (index + 1)
        total += value - mean + delta
        highest = max(highest, total)
        statistic.append(highest - total)
    return statistic


def level_break(weekly: Sequence[float], delta: float = 0.5, threshold: float = 15.0) -> int | None:
    """The first week in which the raw score is taken to have dropped to a lower level, or None."""
    for index, statistic in enumerate(page_hinkley(weekly, delta)):
        if statistic > threshold:
            return index
    return None


@dataclass(frozen=True, slots=True)
class Break:
    """A week from which on a score runs at another level."""

    week: int
    direction: Literal["up", "down"]


def level_breaks(weekly: Sequence[float], delta: float = 0.5, threshold: float = 15.0) -> tuple[Break, ...]:
    """Every week in which the level is taken to have changed, oldest first; after each the search begins anew."""
    found: list[Break] = []
    start = 0
    while start < len(weekly):
        rest = weekly[start:]
        down, up = level_break(rest, delta, threshold), level_break([-value for value in rest], delta, threshold)
        places: list[tuple[int, Literal["up", "down"]]] = []
        places += [(down, "down")] if down is not None else []
        places += [(up, "up")] if up is not None else []
        if not places:
            break
        week, direction = min(places)
        found.append(Break(start + week, direction))
        start += week + 1
    return tuple(found)
