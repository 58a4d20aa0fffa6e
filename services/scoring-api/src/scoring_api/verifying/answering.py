"""What the law says about one account at one moment, in the words of worked examples; it measures nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from milepost_core.cohorts import Cohort
from milepost_core.model import Band, ScoreModel
from milepost_core.overrides import Override, effective_band
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, half_up
from milepost_core.transitions import plain_band
from milepost_core.what_if import Situation
from scoring_api.verifying.comparing import Either, Whole, alike


@dataclass(frozen=True)
class Scored:
    """One account at one moment, scored: a batch of one row."""

    model: ScoreModel
    as_of: datetime
    population: Population
    readings: Readings
    scores: Scores
    cohort: Cohort = field(default_factory=dict)
    override: Override | None = None

    @property
    def situation(self) -> Situation:
        """The ground of what-ifs."""
        return Situation(self.model, self.population, self.readings, self.scores, 0, self.cohort)


def number(value: Any) -> float | None:
    """A float, or None for NaN."""
    return None if math.isnan(value) else float(value)


def standing(one: Scored) -> dict[str, Any]:
    """The whole account: stage, coverage, score, range, gates, band, confidence."""
    scores, model = one.scores, one.model
    stage = int(scores.stage[0])
    raw, low, high = (number(column[0]) for column in (scores.raw_score, scores.low, scores.high))
    display = number(scores.display[0])
    return {
        **alike(("stage", "stage_id"), None if stage < 0 else model.stages[stage].id),
        "age_days": number(one.population.age_days[0]),
        "coverage": number(scores.coverage[0]),
        **alike(("raw_score", "raw", "R", "score_before_gates"), raw),
        **alike(("range", "honest_range"), Either(([low, high], {"low": low, "high": high}))),
        **alike(("low", "range_low"), low),
        **alike(("high", "range_high"), high),
        **alike(("score", "S", "final_score"), number(scores.score[0])),
        **alike(("display", "displayed"), display),
        "provisional": scores.band_word(0) is Band.UNKNOWN,
        "band": scores.band_word(0).value,
        **_bands(one),
        **_gates(one),
        **_confidence(one),
        **_weights(one),
    }


def _bands(one: Scored) -> dict[str, Any]:
    """The band in effect and where it comes from."""
    scores, model = one.scores, one.model
    display, raw = number(scores.display[0]), number(half_up(scores.raw_score)[0])
    gated = (
        display is not None and raw is not None and plain_band(model.bands, display) is not plain_band(model.bands, raw)
    )
    hard = any(gate.hard and fired for gate, fired in zip(model.gates, scores.gates_fired[0], strict=True))
    found = effective_band(
        scores.band_word(0), bands=model.bands, gated=gated, hard_gate=hard, override=one.override, at=one.as_of
    )
    word, because = found.band.value, found.because
    parts = {**alike(("because", "source", "from", "origin", "by"), because), "band": word}
    return {
        "effective_band": Either((word, parts)),
        **alike(
            ("effective_band_from", "effective_band_source", "effective_source", "band_source", "because"), because
        ),
        **alike(("override_active", "overridden"), one.override is not None and one.override.is_active(one.as_of)),
    }


def _gates(one: Scored) -> dict[str, Any]:
    scores, model = one.scores, one.model
    fired = [gate.id for gate, on in zip(model.gates, scores.gates_fired[0], strict=True) if on]
    points = {gate.id: float(taken) for gate, taken in zip(model.gates, scores.gate_points[0], strict=True)}
    lines = [{"id": name, "points": points[name]} for name in fired]
    on = {gate.id: gate.id in fired for gate in model.gates}
    return {
        **alike(("gates", "gates_fired", "fired_gates"), Either((fired, lines, on, Whole(points)))),
        "gate_points": Either((points, sum(points.values()))),
    }


def _confidence(one: Scored) -> dict[str, Any]:
    scores = one.scores
    value, word = float(scores.confidence[0]), scores.confidence_word(0)
    return {
        "confidence": Either((value, word, {"value": value, "word": word})),
        **alike(("confidence_word", "confidence_level", "confidence_label"), word),
        "freshness": float(scores.freshness[0]),
        "maturity": float(scores.maturity[0]),
    }


def _weights(one: Scored) -> dict[str, Any]:
    scores, model = one.scores, one.model
    state = scores.state[0]
    names = {
        word: [signal.id for signal, its in zip(model.signals, state, strict=True) if its == code]
        for word, code in _LISTS.items()
    }
    return {
        "effective_weights": {s.id: float(scores.effective_weight[0, at]) for at, s in enumerate(model.signals)},
        **alike(
            ("full_weights", "expected_weights"),
            {s.id: float(scores.full_weight[0, at]) for at, s in enumerate(model.signals)},
        ),
        **alike(
            ("dimension_weights", "weights", "stage_weights"),
            {one.id: _weight_of(model, scores, at) for at, one in enumerate(model.dimensions)},
        ),
        **names,
    }


_LISTS: Mapping[str, SignalState] = {
    "pending": SignalState.PENDING,
    "imputed": SignalState.IMPUTED,
    "missing": SignalState.MISSING,
    "observed": SignalState.OBSERVED,
}


def _weight_of(model: ScoreModel, scores: Scores, at: int) -> Either:
    """A dimension's weight: in percent, as a share, or relative as the document has it."""
    percent = float(scores.dimension_weight[0, at])
    stage = int(scores.stage[0])
    relative = [one.weight for one in model.dimensions] if stage < 0 else list(model.stages[stage].weights)
    return Either((percent, percent * sum(relative) / 100.0, percent / 100.0))


def signals(one: Scored) -> dict[str, Any]:
    """Every signal: what was measured, what it is worth, how it takes part."""
    return {signal.id: _signal(one, at) for at, signal in enumerate(one.model.signals)}


def _signal(one: Scored, at: int) -> dict[str, Any]:
    scores, readings = one.scores, one.readings
    state, status = SignalState(int(scores.state[0, at])), Status(int(scores.status[0, at]))
    word = None if readings.category is None else readings.category[0, at]
    raw = number(readings.raw[0, at]) if word is None else str(word)
    points: Any = number(scores.y[0, at])
    weight = float(scores.effective_weight[0, at])
    if state == SignalState.PENDING:
        # It takes no part: what it could still have may be told, or nothing.
        points = Either((None, points))
    return {
        **alike(("raw", "raw_value"), raw),
        "value": raw,
        "status": _status(state, status, bool(readings.censored[0, at])),
        **alike(("score", "y", "points"), points),
        **alike(("weight", "effective_weight", "e"), weight),
        "full_weight": float(scores.full_weight[0, at]),
        "points_lost": weight * (100.0 - float(scores.y[0, at])) if weight else 0.0,
        "imputed": state == SignalState.IMPUTED,
        "pending": state == SignalState.PENDING,
        "missing": state in (SignalState.MISSING, SignalState.IMPUTED),
        "observed": state == SignalState.OBSERVED,
        "censored": bool(readings.censored[0, at]),
        "reason": None if status == Status.OK else status.reason,
        **alike(("age_days", "value_age_days", "age_of_value"), number(readings.age_days[0, at])),
    }


def _status(state: SignalState, status: Status, censored: bool) -> Either:
    words: tuple[str, ...]
    match state:
        case SignalState.PENDING:
            words = ("pending", "pending:censored", "censored:pending")
        case SignalState.MISSING:
            words = (f"missing:{status.reason}", status.reason)
        case SignalState.IMPUTED:
            words = ("imputed", f"imputed:{status.reason}", f"missing:{status.reason}", status.reason)
        case _:
            words = ("ok", "ok:censored", "censored", "observed") if censored else ("ok", "observed")
    return Either(words)


def dimensions(one: Scored) -> dict[str, Any]:
    """Every dimension: score, coverage, weight, whether it takes part."""
    return {dimension.id: _dimension(one, at) for at, dimension in enumerate(one.model.dimensions)}


def _dimension(one: Scored, at: int) -> dict[str, Any]:
    scores, model = one.scores, one.model
    score, coverage = number(scores.dimension_score[0, at]), number(scores.dimension_coverage[0, at])
    mine = [place for place, dimension in enumerate(model.dimension_of) if dimension == at]
    valued = [place for place in mine if scores.state[0, place] in (SignalState.OBSERVED, SignalState.IMPUTED)]
    weight = sum(model.signals[place].weight for place in valued)
    silent = None
    if score is None and weight > 0:
        silent = sum(model.signals[place].weight * float(scores.y[0, place]) for place in valued) / weight
    return {
        # What too few signals amount to may be told, although it does not count.
        "score": Either((score, silent)),
        # Where nothing is expected, a share of it has no value that could be wrong.
        "coverage": coverage if coverage is not None else Either((None, 0.0, 1.0)),
        "weight": _weight_of(model, scores, at),
        **alike(("available", "counts"), score is not None),
        "status": "ok" if score is not None else Either(("unavailable", "missing")),
    }
