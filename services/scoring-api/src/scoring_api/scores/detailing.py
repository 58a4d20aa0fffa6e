"""Every figure behind one score, rounded, as its snapshot keeps it; it scores nothing, and replays read the inputs."""

import math
from collections.abc import Iterator
from typing import Any, Final

from milepost_core.readings import Status
from milepost_core.scoring import SignalState
from scoring_api.scores.judging import Judged

_REASONS: Final = {int(one): one.reason for one in Status}
_STATES: Final = {int(one): one.name.lower() for one in SignalState}


def detail(judged: Judged, row: int) -> dict[str, Any]:
    """Return the figures of signals, dimensions and gates, rounded; a snapshot's `detail`."""
    model, scores = judged.model, judged.scores
    return {
        "signals": dict(_signals(judged, row)),
        "dimensions": {
            one.id: {"score": _short(points), "coverage": _short(covered), "weight": _short(weight)}
            for one, points, covered, weight in zip(
                model.dimensions,
                scores.dimension_score[row].tolist(),
                scores.dimension_coverage[row].tolist(),
                scores.dimension_weight[row].tolist(),
                strict=True,
            )
        },
        "gates": [
            {"id": gate.id, "points": _short(float(scores.gate_points[row, place]))}
            for place, gate in enumerate(model.gates)
            if scores.gates_fired[row, place]
        ],
        "raw_score": _short(float(scores.raw_score[row])),
        "age_days": _short(float(judged.population.age_days[row])),
    }


def _signals(judged: Judged, row: int) -> Iterator[tuple[str, dict[str, Any]]]:
    readings, scores, signals = judged.readings, judged.scores, judged.model.signals
    # The readings go on with gates and conditions.
    raw = readings.raw[row, : len(signals)].tolist()
    words = [None] * len(signals) if readings.category is None else readings.category[row, : len(signals)].tolist()
    figures = (scores.status, scores.state, scores.y, scores.effective_weight)
    told = zip(signals, words, raw, *(column[row].tolist() for column in figures), strict=True)
    for signal, word, value, status, state, y, weight in told:
        kept = {"raw": _short(value) if word is None else str(word), "status": _REASONS[status]}
        yield signal.id, kept | {"state": _STATES[state], "y": _short(y), "e": _short(weight)}


def _short(value: float) -> float | None:
    """Six decimals: more than anybody reads, fewer than noise shows in."""
    return None if math.isnan(value) else round(value, 6)
