"""What an evaluation takes from training rows: curves through quantiles, thresholds of bands; nothing from others."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from milepost_core.model import Bands, ScoreModel
from milepost_core.readings import Status
from scoring_api.evaluating.panels import SIDES, Measured

Floats = np.ndarray[Any, np.dtype[np.float64]]
QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
POINTS = (0.0, 35.0, 60.0, 80.0, 100.0)
TRAIN = SIDES.index("train")


def fitted(
    document: Mapping[str, Any], fit: Mapping[str, str], model: ScoreModel, panel: Sequence[Measured]
) -> tuple[dict[str, Any], dict[str, list[list[float]]]]:
    """Return the document with its fitted curves, and these by signal.

    A curve goes through quantiles of the training rows: `rising` from 0 to 100 points, `falling` from 100 to 0. Of one
    value only, or none, no curve can be drawn: the document's own stays.
    """
    whole = deepcopy(dict(document))
    curves: dict[str, list[list[float]]] = {}
    for signal in whole["signals"]:
        way = fit.get(signal["id"])
        if way is None:
            continue
        points = _curve(_training_values(panel, model.signal_index[signal["id"]]), falling=way == "falling")
        if len(points) > 1:
            signal["normalise"] = {"kind": "piecewise", "points": points}
            curves[signal["id"]] = points
    return whole, curves


def _training_values(panel: Sequence[Measured], column: int) -> Floats:
    found = []
    for one in panel:
        mine = (one.rows.sides == TRAIN) & (one.readings.status[:, column] == Status.OK)
        found.append(one.readings.raw[mine, column])
    values = np.concatenate(found) if found else np.empty(0)
    return np.asarray(values[~np.isnan(values)])


def _curve(values: Floats, *, falling: bool) -> list[list[float]]:
    """Points of a curve with strictly rising x; of quantiles that coincide the first one counts."""
    if not values.size:
        return []
    at = np.quantile(values, QUANTILES)
    ys = POINTS[::-1] if falling else POINTS
    curve: list[list[float]] = []
    for x, y in zip(at.tolist(), ys, strict=True):
        if not curve or x > curve[-1][0]:
            curve.append([x, y])
    return curve


def banded(model: ScoreModel, display: Floats, red: float, yellow: float) -> ScoreModel:
    """Return the model with thresholds at quantiles of training scores: below `red` red, below `yellow` yellow.

    Margins and dwell times stay the model's. Raises ValueError where training scores do not tell two thresholds apart.
    """
    known = display[~np.isnan(display)]
    if not known.size:
        raise ValueError("no training row has a score")
    low, high = (float(value) for value in np.quantile(known, [red, yellow]))
    if not low < high:
        raise ValueError("training scores are all alike")
    own = model.bands
    bands = Bands(high, low, own.margin_down, own.margin_up, own.dwell_down_days, own.dwell_up_days)
    return replace(model, bands=bands)
