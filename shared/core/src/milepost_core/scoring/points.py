"""From readings to points: every signal's curve, ageing, missing policy and waiting time.

It never weighs one signal against another.
"""

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


def signal_points(model: ScoreModel, readings: Readings, cohort: Cohort) -> tuple[Floats, Codes, Codes]:
    """Points, `SignalState` and `Status` of every signal, each [n, m].

    A first event still awaited while waiting costs nothing yet is *pending*: it keeps the points
    it could still have, and takes no part in the score. A missing signal takes the points of its
    policy and is *imputed*, or has none and is *missing*.
    """
    shape = (len(readings), len(model.signals))
    points = np.empty(shape, order="F")
    state, status = np.empty(shape, np.uint8, order="F"), np.empty(shape, np.uint8, order="F")
    for index, signal in enumerate(model.signals):
        y, why = _observed(signal, index, readings, cohort)
        pending = readings.censored[:, index] & (y >= 100.0)
        absent = np.isnan(y)
        imputed = signal.missing.points is not None
        state[:, index] = np.select(
            [pending, absent],
            [SignalState.PENDING, SignalState.IMPUTED if imputed else SignalState.MISSING],
            SignalState.OBSERVED,
        )
        points[:, index] = y if signal.missing.points is None else np.where(absent, signal.missing.points, y)
        status[:, index] = why
    return points, state, status


def _observed(signal: Signal, index: int, readings: Readings, cohort: Cohort) -> tuple[Floats, Codes]:
    """Points of what was measured (NaN: nothing), and the status once the curve has spoken."""
    status = readings.status[:, index]
    category = None if readings.category is None else readings.category[:, index]
    y = evaluate(signal.normalise, readings.raw[:, index], category, cohort.get(signal.id))
    if signal.stale is not None:
        y = age_towards_neutral(y, signal.stale, readings.age_days[:, index])
    measured = status == Status.OK
    y = np.where(measured, y, np.nan)
    # too few peers and no fallback is a lack of data; any other value without points is unlisted
    silent = Status.NO_DATA if isinstance(signal.normalise, Percentile) else Status.UNMAPPED
    return y, np.where(measured & np.isnan(y), np.uint8(silent), status)
