"""A model that compares accounts with their peers, and a few crowds of them; nothing here is stored."""

from typing import Any

import numpy as np

from milepost_core.model import ScoreModel, parse_model
from milepost_core.readings import Readings, Status

LAST = {"agg": "last", "where": {"type": "m_use"}}


def comparing(**more: Any) -> dict[str, Any]:
    """A model of one signal that ranks among peers of the segment and the quarter, and one with a curve of its own."""
    rank = {"kind": "percentile", "cohort": ["segment", "start_quarter"], "min_cohort": 3}
    fallback = {"kind": "piecewise", "points": [[0, 0], [10, 100]]}
    return {
        "format": "health-score-model/1",
        "id": "comparing",
        "version": 1,
        "dimensions": [{"id": "usage", "weight": 2}, {"id": "mood", "weight": 1}],
        "signals": [
            {"id": "use", "dimension": "usage", "source": LAST, "normalise": {**rank, "fallback": fallback}},
            {
                "id": "mood",
                "dimension": "mood",
                "source": {"agg": "last", "where": {"type": "m_mood"}},
                "normalise": {"kind": "piecewise", "points": [[0, 0], [100, 100]]},
            },
        ],
        "bands": {"green": 70, "yellow": 40, "margin_up": 3, "dwell_up_days": 14},
        **more,
    }


def model_of(**more: Any) -> ScoreModel:
    return parse_model(comparing(**more))


def crowd(model: ScoreModel, size: int, seed: int = 7) -> Readings:
    """Readings of a crowd of which every sixth value is not known."""
    rng = np.random.default_rng(seed)
    readings = Readings.empty(model, size)
    known = rng.random(readings.raw.shape) < 5 / 6
    readings.raw[known] = np.round(rng.random(readings.raw.shape) * 10, 3)[known]
    readings.status[known] = Status.OK
    readings.age_days[known] = rng.random(readings.raw.shape)[known] * 40
    return readings
