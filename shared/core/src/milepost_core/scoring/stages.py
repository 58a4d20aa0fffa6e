"""Which weights hold at which age: stages of the journey, blended where one passes into the next.

It never looks at a signal.
"""

import numpy as np
from numpy.typing import NDArray

from milepost_core.model import ScoreModel

__all__ = ["dimension_weights"]

Floats = NDArray[np.float64]


def dimension_weights(model: ScoreModel, age_days: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Weights per account [n, d] in percent, and the position of its stage [n] (-1: none).

    Within the first ``transition_days`` of a stage the previous stage's weights fade out
    linearly, so that no score jumps on the day a stage begins. Before its start an account is in
    the first stage; of unknown age, or after a last stage that ends, the plain weights hold.
    """
    plain = _percent(np.array([dimension.weight for dimension in model.dimensions]))
    weights = np.empty((age_days.size, plain.size), order="F")
    weights[:] = plain
    stage_of = np.full(age_days.size, -1, dtype=np.int64)
    previous = None
    age = np.maximum(age_days, 0.0)
    for index, stage in enumerate(model.stages):
        own = _percent(np.array(stage.weights))
        inside = (age >= stage.from_day) & (age < (np.inf if stage.to_day is None else stage.to_day))
        if inside.any():
            stage_of[inside] = index
            weights[inside] = own
            if previous is not None and stage.transition_days > 0:
                passed = (age[inside] - stage.from_day) / stage.transition_days
                share = np.minimum(passed, 1.0)[:, None]
                weights[inside] = (1.0 - share) * previous + share * own
        previous = own
    return weights, stage_of


def _percent(weights: Floats) -> Floats:
    return np.asarray(weights * (100.0 / weights.sum()), dtype=np.float64)
