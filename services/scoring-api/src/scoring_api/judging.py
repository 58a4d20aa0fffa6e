"""From readings to a verdict on one account: score, reasons, band over time, news; it touches no store."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from milepost_core.explanation import Explanation, explain
from milepost_core.model import Band, ScoreModel
from milepost_core.overrides import EffectiveBand, effective_band
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, score
from milepost_core.scoring.columns import half_up
from milepost_core.transitions import BandState, Change, Standing, advance_band, compare, plain_band
from milepost_core.what_if import Path, Situation, next_band, path_to

NEWS = ("first_score", "band_changed", "score_moved")
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Before:
    """What was known of an account's standing when it was last looked at."""

    state: BandState | None
    effective_band: Band | None
    published_score: float | None


@dataclass(frozen=True)
class Judged:
    """One batch scored by one model; `row` picks an account of it."""

    model: ScoreModel
    population: Population
    readings: Readings
    scores: Scores


@dataclass(frozen=True)
class Verdict:
    """All that today's records say about one account."""

    judged: Judged
    row: int
    as_of: datetime
    state: BandState
    effective: EffectiveBand
    explanation: Explanation | None
    change: Change | None

    @property
    def display(self) -> float | None:
        """The score as shown, None if there is none."""
        return number(self.judged.scores.display[self.row])

    @cached_property
    def path(self) -> Path | None:
        """The way to the band above the effective one; None from green, from unknown, and without a score."""
        to = next_band(self.effective.band)
        judged = self.judged
        situation = Situation(judged.model, judged.population, judged.readings, judged.scores, self.row)
        return None if to is None else path_to(situation, to)


def judge_batch(model: ScoreModel, readings: Readings, ages: Floats) -> Judged:
    """Score a batch of accounts by one model; `ages` in days."""
    population = Population(ages)
    return Judged(model, population, readings, score(model, population, readings))


def verdict(judged: Judged, row: int, as_of: datetime, before: Before, baseline: Floats | None) -> Verdict:
    """Judge one account of a batch: its band over time, its reasons, and what of it is news."""
    model, scores = judged.model, judged.scores
    display = number(scores.display[row])
    unknown = scores.band_word(row) is Band.UNKNOWN
    gated = is_gated(judged, row)
    state = advance_band(before.state, model.bands, display, unknown, as_of, gated)
    shown = Band.UNKNOWN if unknown or display is None else state.band
    hard = any(gate.hard and scores.gates_fired[row, place] for place, gate in enumerate(model.gates))
    effective = effective_band(shown, bands=model.bands, gated=gated, hard_gate=hard, override=None, at=as_of)
    explanation = explain(model, scores, row, judged.readings, baseline)
    return Verdict(judged, row, as_of, state, effective, explanation, _news(before, display, effective.band))


def is_gated(judged: Judged, row: int) -> bool:
    """A fired gate pushes the displayed score into a lower band than the signals alone would."""
    scores, bands = judged.scores, judged.model.bands
    display, raw = number(scores.display[row]), number(half_up(scores.raw_score[row : row + 1])[0])
    if display is None or raw is None:
        return False
    return plain_band(bands, display) is not plain_band(bands, raw)


def _news(before: Before, display: float | None, band: Band) -> Change | None:
    """The one thing worth publishing: the score is measured against the one that was published last."""
    last = None
    if before.effective_band is not None and before.published_score is not None:
        last = Standing(before.published_score, before.effective_band)
    news = compare(last, Standing(display, band))
    return next((one for one in news if one.kind in NEWS), None)


def number(value: Any) -> float | None:
    """A float, or None for NaN."""
    return None if np.isnan(value) else float(value)


def detail(judged: Judged, row: int) -> dict[str, Any]:
    """Every figure behind one score, as the snapshot keeps it."""
    model, scores = judged.model, judged.scores
    return {
        "signals": {signal.id: _signal(judged, row, place) for place, signal in enumerate(model.signals)},
        "dimensions": {
            one.id: {
                "score": _short(scores.dimension_score[row, place]),
                "coverage": _short(scores.dimension_coverage[row, place]),
                "weight": _short(scores.dimension_weight[row, place]),
            }
            for place, one in enumerate(model.dimensions)
        },
        "gates": [
            {"id": gate.id, "points": _short(scores.gate_points[row, place])}
            for place, gate in enumerate(model.gates)
            if scores.gates_fired[row, place]
        ],
        "raw_score": _short(scores.raw_score[row]),
        "age_days": _short(judged.population.age_days[row]),
    }


def readings_of(judged: Judged, row: int) -> dict[str, Any]:
    """All that went into one score beside the model, unrounded, by the columns of the model: it can be scored again."""
    readings, columns = judged.readings, judged.model.columns
    words = {} if readings.category is None else dict(zip(columns, readings.category[row], strict=True))
    return {
        "columns": [column.id for column in columns],
        "raw": [number(value) for value in readings.raw[row]],
        "status": [int(value) for value in readings.status[row]],
        "age_days": [number(value) for value in readings.age_days[row]],
        "censored": [column.id for column, one in zip(columns, readings.censored[row], strict=True) if one],
        "words": {column.id: str(word) for column, word in words.items() if word is not None},
        "account_age_days": number(judged.population.age_days[row]),
    }


def _signal(judged: Judged, row: int, place: int) -> dict[str, Any]:
    readings, scores = judged.readings, judged.scores
    word = None if readings.category is None else readings.category[row, place]
    return {
        "raw": _short(readings.raw[row, place]) if word is None else str(word),
        "status": Status(int(scores.status[row, place])).reason,
        "state": SignalState(int(scores.state[row, place])).name.lower(),
        "y": _short(scores.y[row, place]),
        "e": _short(scores.effective_weight[row, place]),
    }


def _short(value: Any) -> float | None:
    """Six decimals: more than anybody reads, fewer than noise shows in."""
    return None if np.isnan(value) else round(float(value), 6)


def digest(parts: Mapping[str, Any] | Sequence[Any] | bytes) -> str:
    """A short hash of content, the same for the same content."""
    raw = parts if isinstance(parts, bytes) else json.dumps(parts, sort_keys=True, default=str).encode()
    return hashlib.sha256(raw).hexdigest()[:32]
