"""The law of the score: points, weights and gates composed into one number that knows its limits.

It never reads an event or a clock, and never explains: it leaves every intermediate column behind
for those who do. The formulas are those of additive scores with missing inputs left out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.cohorts import Cohort
from milepost_core.model import Band, ScoreModel
from milepost_core.readings import Readings
from milepost_core.scoring.columns import (
    BAND_WORDS,
    Population,
    Scores,
    SignalState,
    band_codes,
    half_up,
)
from milepost_core.scoring.gates import apply_gates, fired_gates
from milepost_core.scoring.points import signal_points
from milepost_core.scoring.stages import dimension_weights

__all__ = ["MATURE_DAYS", "score"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MATURE_DAYS: Final = 30.0
_OBSERVED, _IMPUTED = np.uint8(SignalState.OBSERVED), np.uint8(SignalState.IMPUTED)
_PENDING: Final = np.uint8(SignalState.PENDING)
_UNKNOWN: Final = np.uint8(BAND_WORDS.index(Band.UNKNOWN))
_ROUNDING: Final = 1e-9
"""A share this close to a threshold has reached it: 0.3 + 0.1 of a weight is 0.4."""


def score(model: ScoreModel, population: Population, readings: Readings, cohort: Cohort | None = None) -> Scores:
    """Score accounts by one model (for segments: group accounts by ``model.for_segment`` first).

    Args:
        model: the law's data.
        population: ages of the n accounts.
        readings: values [n, columns] in the order of ``model.columns``.
        cohort: peers of percentile signals at the same moment; without, their fallback curves judge.

    Returns:
        Every column of the score. A row's result never depends on the other rows.

    The honest range asks what the score could be if everything expected had been observed. The score itself
    leaves an unavailable dimension out, and of it even what was observed; the range counts that part. So the range
    need not hold the score: it says what is known, not how far the score may be off.
    """
    y, state, status = signal_points(model, readings, cohort or {})
    weights, stage = dimension_weights(model, population.age_days)
    composed = _compose(model, _Parts.of(model, y, state), weights)
    fired = fired_gates(model, readings)
    after, taken = apply_gates(model, fired, composed.raw_score)
    display = half_up(after)
    freshness, maturity = _freshness(model, composed.effective, readings, state), _maturity(population)
    return Scores(
        y=y,
        state=state,
        status=status,
        effective_weight=composed.effective,
        full_weight=composed.full,
        dimension_score=composed.dimension_score,
        dimension_coverage=composed.dimension_coverage,
        dimension_weight=weights,
        stage=stage,
        coverage=composed.coverage,
        raw_score=composed.raw_score,
        low=composed.low,
        high=composed.high,
        gates_fired=fired,
        gate_points=taken,
        score=after,
        display=display,
        band=_bands(model, display, composed.coverage),
        freshness=freshness,
        maturity=maturity,
        confidence=composed.coverage * freshness * maturity,
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """Points and, per signal [n, m], whether it counts; per dimension [n, d], the weights that do."""

    y: Floats
    valued: Flags
    observed: Flags
    expected: Flags
    valued_weight: Floats
    observed_weight: Floats
    expected_weight: Floats

    @classmethod
    def of(cls, model: ScoreModel, y: Floats, state: NDArray[np.uint8]) -> "_Parts":
        observed = state == _OBSERVED
        valued = observed | (state == _IMPUTED)
        expected = state != _PENDING
        weight = _weight(model)
        sums = [_per_dimension(model, flags * weight) for flags in (valued, observed, expected)]
        return cls(y, valued, observed, expected, *sums)


def _weight(model: ScoreModel) -> Floats:
    return np.array([signal.weight for signal in model.signals])


def _per_dimension(model: ScoreModel, amounts: Floats) -> Floats:
    """Σ of the amounts [n, m] of each dimension's signals [n, d].

    Column by column rather than by matrix product: additions in a fixed order give a row the same
    bits whether it is scored alone or among a million.
    """
    sums = np.zeros((len(model.dimensions), amounts.shape[0]))
    totals = list(sums)
    for dimension, column in zip(model.dimension_of, amounts.T, strict=True):
        totals[dimension] += column
    return sums.T


@dataclass(frozen=True, slots=True)
class _Composed:
    effective: Floats
    full: Floats
    dimension_score: Floats
    dimension_coverage: Floats
    coverage: Floats
    raw_score: Floats
    low: Floats
    high: Floats


def _compose(model: ScoreModel, parts: _Parts, weights: Floats) -> _Composed:
    least = np.array([dimension.min_coverage for dimension in model.dimensions])
    covered = _divide(parts.observed_weight, parts.expected_weight)
    available = (parts.valued_weight > 0) & (covered >= least - _ROUNDING)
    available_share = _shares(weights, available)
    expected_share = _shares(weights, parts.expected_weight > 0)
    points = _weight(model) * parts.y
    np.copyto(points, 0.0, where=~parts.valued)
    effective = _spread(model, parts.valued, available_share, parts.valued_weight)
    full = _spread(model, parts.expected, expected_share, parts.expected_weight)
    low = _weighted(full, np.where(parts.observed, parts.y, 0.0))
    high = _weighted(full, np.where(parts.observed, parts.y, 100.0))
    some = _row_sum(available_share) > 0
    return _Composed(
        effective=effective,
        full=full,
        dimension_score=np.where(available, _divide(_per_dimension(model, points), parts.valued_weight), np.nan),
        dimension_coverage=covered,
        coverage=_weighted(expected_share, np.where(np.isnan(covered), 0.0, covered)),
        raw_score=np.where(some, _weighted(effective, np.where(parts.valued, parts.y, 0.0)), np.nan),
        low=low,
        high=np.where(_row_sum(expected_share) > 0, high, 100.0),
    )


def _shares(weights: Floats, taking_part: Flags) -> Floats:
    """Weights of the dimensions that take part [n, d], as shares of 1; all 0 where none does."""
    kept = np.where(taking_part, weights, 0.0)
    return _divide(kept, _row_sum(kept)[:, None], otherwise=0.0)


def _spread(model: ScoreModel, taking_part: Flags, share: Floats, total: Floats) -> Floats:
    """Each dimension's share handed to its signals by their weights [n, m]."""
    per_weight = _divide(share, total, otherwise=0.0)
    # Rows of the transposed: columns stay contiguous in memory.
    spread: Floats = per_weight.T[list(model.dimension_of)].T
    spread *= _weight(model)
    np.copyto(spread, 0.0, where=~taking_part)
    return spread


def _bands(model: ScoreModel, display: Floats, coverage: Floats) -> NDArray[np.uint8]:
    """Band codes by plain thresholds [n], unknown where too little is covered."""
    codes = band_codes(display, model.bands.green, model.bands.yellow)
    known = coverage >= model.min_coverage - _ROUNDING
    return np.where(known, codes, _UNKNOWN)


def _maturity(population: Population) -> Floats:
    """Age as a share of `MATURE_DAYS` [n]; of unknown age, none."""
    return np.minimum(np.fmax(population.age_days, 0.0) / MATURE_DAYS, 1.0)


def _freshness(model: ScoreModel, effective: Floats, readings: Readings, state: NDArray[np.uint8]) -> Floats:
    """Σ e · 2^(-age / half-life) [n]; what was never observed, or has no known age, is not fresh.

    A state (open items, milestones) holds until somebody says otherwise: whoever measures it gives it the age 0.
    """
    age = np.maximum(readings.age_days[:, : len(model.signals)], 0.0)
    fresh = np.exp2(age / -np.array([signal.half_life_days for signal in model.signals]))
    fresh *= effective
    np.copyto(fresh, 0.0, where=(state != _OBSERVED) | np.isnan(age))
    return _row_sum(fresh)


def _divide(above: Floats, below: Floats, otherwise: float = np.nan) -> Floats:
    """Quotients, and something else where there is nothing to divide by."""
    quotient = np.full(above.shape, otherwise, order="F")
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient


def _row_sum(values: Floats) -> Floats:
    """Σ over the columns [n], added in a fixed order."""
    total = np.zeros(values.shape[0])
    for column in values.T:
        total += column
    return total


def _weighted(weights: Floats, values: Floats) -> Floats:
    """Σ weight · value over the columns [n], added in a fixed order."""
    total = np.zeros(values.shape[0])
    for weight, column in zip(weights.T, values.T, strict=True):
        total += weight * column
    return total
