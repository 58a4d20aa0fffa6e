"""Evaluates a model's curves over columns of readings, forwards (points) and backwards (value).

It never decides what a missing value is worth; a value without points comes back as NaN.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from milepost_core.cohorts import CohortColumn
from milepost_core.model.normalisers import (
    BandCurve,
    CategoryMap,
    Curve,
    Percentile,
    Piecewise,
    Saturating,
    Stale,
)

__all__ = ["age_towards_neutral", "evaluate", "improving_direction"]

Floats = NDArray[np.float64]
Direction = Literal[-1, 0, 1]


def evaluate(
    curve: Curve,
    raw: Floats,
    category: NDArray[np.object_] | None = None,
    cohort: CohortColumn | None = None,
) -> Floats:
    """Points in [0, 100] for a column of values.

    Args:
        curve: the signal's ``normalise``.
        raw: values [n] in the signal's unit; NaN gives NaN.
        category: words [n] for a `CategoryMap`; a number there is looked up by its text.
        cohort: peers for a `Percentile`; without them the fallback curve judges.

    Returns:
        Points [n]; NaN where the curve has nothing to say (no value, unlisted word, no peers).
    """
    match curve:
        case Piecewise(xs=(_,)):
            # of a single point the interpolation would also answer where there is no value
            return np.where(np.isnan(raw), np.nan, curve.ys[0])
        case Piecewise():
            return np.interp(raw, curve.xs, curve.ys)
        case BandCurve():
            return _band(curve, raw)
        case Saturating():
            return 100.0 * (1.0 - np.exp2(-np.maximum(raw, 0.0) / curve.half_at))
        case CategoryMap():
            return _words(curve, raw, category)
        case Percentile():
            return _percentile(curve, raw, cohort)


def _band(curve: BandCurve, raw: Floats) -> Floats:
    rising = _ramp(raw, curve.low, curve.ok_from, curve.floor_low)
    falling = _ramp(-raw, -curve.high, -curve.ok_to, curve.floor_high)
    return np.where(raw < curve.ok_from, rising, falling)


def _ramp(raw: Floats, start: float, end: float, floor: float) -> Floats:
    """From the floor at ``start`` to 100 at ``end``; a step where both are one."""
    if start == end:
        return np.where(np.isnan(raw), np.nan, np.where(raw < end, floor, 100.0))
    return np.interp(raw, (start, end), (floor, 100.0))


def _words(curve: CategoryMap, raw: Floats, category: NDArray[np.object_] | None) -> Floats:
    """Points of words (or of numbers by their text), one pass per listed word."""
    words = np.full(raw.shape, None, dtype=np.object_) if category is None else category
    spoken = (words != np.full(1, None, dtype=np.object_)).astype(np.bool_) | ~np.isnan(raw)
    points = np.where(spoken, np.nan if curve.default is None else curve.default, np.nan)
    for word, value in curve.points:
        same = (words == word).astype(np.bool_)
        number = _number_of(word)
        points[same if number is None else same | (raw == number)] = value
    return points


def _number_of(word: str) -> float | None:
    if word in ("true", "false"):
        return float(word == "true")
    try:
        return float(word)
    except ValueError:
        return None


def _percentile(curve: Percentile, raw: Floats, cohort: CohortColumn | None) -> Floats:
    points = np.full(raw.shape, np.nan) if curve.fallback is None else evaluate(curve.fallback, raw)
    if cohort is None:
        return points
    for index, peers in enumerate(cohort.peers):
        if peers.size < max(curve.min_cohort, 1):
            continue
        members = cohort.group == index
        ranks = peers.percentile(raw[members])
        points[members] = 100.0 - ranks if curve.lower_is_better else ranks
    return points


def age_towards_neutral(points: Floats, stale: Stale, age_days: Floats) -> Floats:
    """Points that fade to neutral as their value ages; of unknown age they stay as they are."""
    kept = np.exp2(-np.fmax(age_days, 0.0) / stale.half_life_days)
    return stale.neutral + (points - stale.neutral) * kept


def improving_direction(curve: Curve, value: float) -> Direction:
    """Which way the value must move for more points: up (1), down (-1) or neither (0)."""
    match curve:
        case Piecewise():
            return _sign(curve.ys[-1] - curve.ys[0])
        case BandCurve():
            return 1 if value < curve.ok_from else -1 if value > curve.ok_to else 0
        case Saturating():
            return 1
        case Percentile():
            return -1 if curve.lower_is_better else 1
        case CategoryMap():
            return 0


def _sign(difference: float) -> Direction:
    return 1 if difference > 0 else -1 if difference < 0 else 0
