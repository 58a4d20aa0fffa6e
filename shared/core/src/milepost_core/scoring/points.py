"""From readings to points: every signal's curve, ageing, missing policy and waiting time.

It never weighs one signal against another.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.cohorts import Cohort
from milepost_core.curves import age_towards_neutral, evaluate
from milepost_core.model import Percentile, ScoreModel, Signal
from milepost_core.readings import Readings, Status
from milepost_core.scoring.columns import SignalState

__all__ = ["signal_points"]

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]

# As codes of columns: comparing with and choosing between members of an enumeration converts them every time.
_OK: Final = np.uint8(Status.OK)
_NO_DATA, _UNMAPPED = np.uint8(Status.NO_DATA), np.uint8(Status.UNMAPPED)
_OBSERVED, _PENDING = np.uint8(SignalState.OBSERVED), np.uint8(SignalState.PENDING)
_IMPUTED, _MISSING = np.uint8(SignalState.IMPUTED), np.uint8(SignalState.MISSING)


def signal_points(model: ScoreModel, readings: Readings, cohort: Cohort) -> tuple[Floats, Codes, Codes]:
    """Points, `SignalState` and `Status` of every signal, each [n, m].

    A first event still awaited while waiting costs nothing yet is *pending*: it keeps the points
    it could still have, and takes no part in the score. A missing signal takes the points of its
    policy and is *imputed*, or has none and is *missing*.
    """
    signals = model.signals
    points = np.empty((len(readings), len(signals)), order="F")
    for index, signal in enumerate(signals):
        points[:, index] = _curve_points(signal, index, readings, cohort)
    measured = readings.status[:, : len(signals)] == _OK
    np.copyto(points, np.nan, where=~measured)
    absent = np.isnan(points)
    status = np.where(measured & absent, _silent(model), readings.status[:, : len(signals)])
    pending = readings.censored[:, : len(signals)] & (points >= 100.0)
    policy = np.array([np.nan if one.missing.points is None else one.missing.points for one in signals])
    without = np.where(np.isnan(policy), _MISSING, _IMPUTED)
    state = np.where(pending, _PENDING, np.where(absent, without, _OBSERVED))
    # without a policy that is NaN once more
    np.copyto(points, policy, where=absent)
    return points, state, status


def _curve_points(signal: Signal, index: int, readings: Readings, cohort: Cohort) -> Floats:
    """Points [n] that the curve gives whatever is there, and their ageing; NaN: the curve has nothing to say."""
    category = None if readings.category is None else readings.category[:, index]
    y = evaluate(signal.normalise, readings.raw[:, index], category, cohort.get(signal.id))
    return y if signal.stale is None else age_towards_neutral(y, signal.stale, readings.age_days[:, index])


def _silent(model: ScoreModel) -> Codes:
    """What a value without points is called [m]: with too few peers and no fallback a lack of data, else unlisted."""
    return np.array([_NO_DATA if isinstance(one.normalise, Percentile) else _UNMAPPED for one in model.signals])
