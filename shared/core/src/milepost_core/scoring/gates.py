"""Gates: facts that cap or lower a score whatever the signals say.

They never change a signal; each keeps a line of its own, so that explanations still add up.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from milepost_core.model import Condition, Gate, Scalar, ScoreModel
from milepost_core.readings import Readings, Status

__all__ = ["apply_gates", "compare", "fired_gates", "meeting"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_OK: Final = np.uint8(Status.OK)
_OTHER: Final = "something else"
_ORDER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}


def fired_gates(model: ScoreModel, readings: Readings) -> Flags:
    """Which gates fire [n, g]; one whose source is missing never does."""
    fired = np.zeros((len(readings), len(model.gates)), dtype=np.bool_)
    for index, gate in enumerate(model.gates):
        column = len(model.signals) + index
        category = None if readings.category is None else readings.category[:, column]
        fires = compare(gate, readings.raw[:, column], category)
        fired[:, index] = fires & (readings.status[:, column] == _OK)
    return fired


def compare(condition: Gate | Condition, raw: Floats, category: NDArray[np.object_] | None) -> Flags:
    """Where measured values [n], or words in their place, meet a condition; what is missing is the caller's to know."""
    if condition.op in _ORDER:
        return np.asarray(_ORDER[condition.op](raw, float(condition.value)), dtype=np.bool_)  # type: ignore[arg-type]
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    same = np.zeros(raw.shape, dtype=np.bool_)
    for value in values:
        same |= _equal(value, raw, category)
    return same if condition.op in ("==", "in") else ~same


def _equal(value: Scalar, raw: Floats, category: NDArray[np.object_] | None) -> Flags:
    if not isinstance(value, str):
        return np.asarray(raw == float(value), dtype=np.bool_)
    if category is None:
        return np.zeros(raw.shape, dtype=np.bool_)
    return np.asarray(category == value, dtype=np.bool_)


def meeting(gate: Gate) -> float | str:
    """A value with which a gate fires, for supposing that it does."""
    first = gate.value[0] if isinstance(gate.value, tuple) else gate.value
    if gate.op in ("!=", "not_in"):
        return _OTHER
    value = first if isinstance(first, str) else float(first)
    beyond = {">": 1.0, "<": -1.0}.get(gate.op, 0.0)
    return value + beyond if isinstance(value, float) else value


def apply_gates(model: ScoreModel, fired: Flags, raw_score: Floats) -> tuple[Floats, Floats]:
    """Scores after the gates [n] and what each took, in the document's order [n, g]."""
    score, known = raw_score.copy(), ~np.isnan(raw_score)
    taken = np.zeros(fired.shape)
    for index, gate in enumerate(model.gates):
        if gate.cap_score is not None:
            gated = np.minimum(score, gate.cap_score)
        else:
            gated = np.maximum(score - (gate.subtract or 0.0), 0.0)
        after = np.where(fired[:, index], gated, score)
        taken[:, index] = np.where(known, after - score, 0.0)
        score = after
    return score, taken
