"""Curves read backwards: the first value, walking in the improving direction, worth enough points.

It never says whether anybody can bring that value about.
"""

import math
from collections.abc import Sequence

import numpy as np

from milepost_core.cohorts import SAME, CohortColumn, Peers
from milepost_core.curves import evaluate
from milepost_core.model import BandCurve, CategoryMap, Curve, Percentile, Piecewise, Saturating

__all__ = ["best_points", "first_value", "points_along", "points_at"]

_ROUNDING = 1e-9


def points_at(curve: Curve, value: float, cohort: CohortColumn | None = None) -> float:
    """Points of one value; ``cohort`` holds the peers of that one account."""
    return float(evaluate(curve, np.array([value]), None, cohort)[0])


def points_along(curve: Curve, values: Sequence[float], cohort: CohortColumn | None = None) -> list[float]:
    """Points of several values of one account; ``cohort`` holds its peers."""
    peers = None if cohort is None else CohortColumn(cohort.peers, np.repeat(cohort.group, len(values)))
    found: list[float] = evaluate(curve, np.array(values, dtype=np.float64), None, peers).tolist()
    return found


def best_points(curve: Curve, value: float, cohort: CohortColumn | None = None) -> float:
    """The most points the curve can give to somebody who starts at ``value``."""
    match curve:
        case Piecewise():
            return max(curve.ys)
        case BandCurve() | Saturating():
            return 100.0
        case CategoryMap():
            return max(points for _, points in curve.points)
        case Percentile():
            peers = _peers(curve, cohort)
            if peers is None:
                return 0.0 if curve.fallback is None else best_points(curve.fallback, value)
            return 100.0


def first_value(curve: Curve, value: float, points: float, cohort: CohortColumn | None = None) -> float | None:
    """The value nearest to ``value``, on the way to better, that is worth at least ``points``.

    For peers it is the value to pass, which may itself fall just short. None if the curve never
    gives that much, or knows words instead of numbers.
    """
    if points_at(curve, value, cohort) >= points - _ROUNDING:
        return value
    if points > best_points(curve, value, cohort) + _ROUNDING:
        return None
    return _inverse(curve, value, points, cohort)


def _inverse(curve: Curve, value: float, points: float, cohort: CohortColumn | None) -> float | None:
    match curve:
        case Piecewise():
            return _crossing(curve.xs, curve.ys, points)
        case BandCurve():
            low_side = ((curve.low, curve.ok_from), (curve.floor_low, 100.0))
            high_side = ((curve.ok_to, curve.high), (100.0, curve.floor_high))
            return _crossing(*(low_side if value < curve.ok_from else high_side), points)
        case Saturating():
            return None if points >= 100.0 else -curve.half_at * math.log2(1.0 - points / 100.0)
        case Percentile():
            return _by_rank(curve, value, points, cohort)
        case CategoryMap():
            return None


def _by_rank(curve: Percentile, value: float, points: float, cohort: CohortColumn | None) -> float | None:
    peers = _peers(curve, cohort)
    if peers is not None:
        return _passing(curve, peers, value, points)
    return None if curve.fallback is None else first_value(curve.fallback, value, points)


def _crossing(xs: tuple[float, ...], ys: tuple[float, ...], points: float) -> float:
    """Where a line that never turns first reaches the points, from its worse end."""
    if ys[0] > ys[-1]:
        return -_crossing(tuple(-x for x in reversed(xs)), tuple(reversed(ys)), points)
    # the points lie inside the line's range, give or take a rounding
    right = next((index for index, y in enumerate(ys) if y >= points - _ROUNDING), len(ys) - 1)
    if right == 0:
        return xs[0]
    share = (points - ys[right - 1]) / (ys[right] - ys[right - 1])
    return xs[right] if share >= 1.0 else xs[right - 1] + share * (xs[right] - xs[right - 1])


def _peers(curve: Percentile, cohort: CohortColumn | None) -> Peers | None:
    if cohort is None or cohort.group[0] < 0:
        return None
    peers = cohort.peers[int(cohort.group[0])]
    return peers if peers.size >= curve.min_cohort else None


def _passing(curve: Percentile, peers: Peers, value: float, points: float) -> float | None:
    """The first peer's value that, reached or just passed, ranks high enough."""
    way = -1.0 if curve.lower_is_better else 1.0
    ahead = sorted((float(x) for x in np.unique(peers.values) if (x - value) * way > 0), key=lambda x: x * way)
    for x in ahead:
        beyond = float(np.nextafter(x + way * 2.0 * SAME * abs(x), x + way))
        ranks = evaluate(curve, np.array([x, beyond]), None, CohortColumn((peers,), np.zeros(2, np.int64)))
        if ranks.max() >= points - _ROUNDING:
            return x
    return None
