"""Worked examples of the score model as data, and this code's answer to each in the same shape.

It compares nothing; the tests do.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from support.reading import age_of, read
from support.records import required

from milepost_core.cohorts import Cohort, CohortColumn, Peers
from milepost_core.explanation import GATES, Explanation, explain
from milepost_core.model import Bands, ScoreModel, parse_model
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, score
from milepost_core.transitions import band_series
from milepost_core.what_if import Situation, single_lever

Example = Mapping[str, Any]
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def load(path: Path) -> list[Example]:
    examples: list[Example] = json.loads(path.read_text(encoding="utf-8"))["examples"]
    return examples


@dataclass(frozen=True)
class Scored:
    """One account of an example, scored."""

    model: ScoreModel
    population: Population
    readings: Readings
    scores: Scores
    cohort: Cohort

    @property
    def situation(self) -> Situation:
        return Situation(self.model, self.population, self.readings, self.scores, 0, self.cohort)


def scored(example: Example, as_of: object = None) -> Scored:
    """Read and score the account of an example at its moment."""
    moment = required(as_of or example["as_of"])
    account = example["account"]
    model = parse_model(example["model"]).for_segment({**account, **(account.get("attributes") or {})})
    readings = read(account, model, moment)
    population = Population(np.array([age_of(account, moment)]))
    cohort = cohort_of(example)
    return Scored(model, population, readings, score(model, population, readings, cohort), cohort)


def cohort_of(example: Example) -> Cohort:
    """The peers' raw values by signal that an example names."""
    values = example.get("cohort") or example["account"].get("cohort") or {}
    return {name: CohortColumn((Peers.exactly(raw),), np.zeros(1, np.int64)) for name, raw in values.items()}


def answer(example: Example) -> dict[str, Any]:
    """Everything this code says about an example, in the examples' own words."""
    if "series" in example:
        return {"bands": bands_of(example)}
    one = scored(example)
    found = standing(one) | {"signals": signals(one), "dimensions": dimensions(one)}
    expected = example["expected"]
    if "baseline_signals" in expected:
        found |= drivers(one, expected["baseline_signals"])
    if "single_lever" in expected:
        found["single_lever"] = levers(one, expected["target"], expected.get("units") or {})
    return found


def bands_of(example: Example) -> list[str]:
    series = [(FIRST_DAY + timedelta(days=day), value) for day, value in example["series"]]
    return [band.value for band in band_series(Bands(**example["params"]), series)]


def number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def standing(one: Scored) -> dict[str, Any]:
    scores, model = one.scores, one.model
    stage = int(scores.stage[0])
    return {
        "stage": None if stage < 0 else model.stages[stage].id,
        "coverage": number(scores.coverage[0]),
        "raw_score": number(scores.raw_score[0]),
        "range": [number(scores.low[0]), number(scores.high[0])],
        "score": number(scores.score[0]),
        "display": number(scores.display[0]),
        "band": scores.band_word(0).value,
        "gates": [gate.id for gate, on in zip(model.gates, scores.gates_fired[0], strict=True) if on],
        "effective_weights": {
            signal.id: float(scores.effective_weight[0, index]) for index, signal in enumerate(model.signals)
        },
    }


def signals(one: Scored) -> dict[str, Any]:
    return {signal.id: signal_line(one, index) for index, signal in enumerate(one.model.signals)}


def signal_line(one: Scored, index: int) -> dict[str, Any]:
    state, status = SignalState(int(one.scores.state[0, index])), Status(int(one.scores.status[0, index]))
    assert one.readings.category is not None
    word = one.readings.category[0, index]
    return {
        "raw": number(one.readings.raw[0, index]) if word is None else word,
        "status": {
            SignalState.OBSERVED: "ok",
            SignalState.MISSING: f"missing:{status.reason}",
            SignalState.IMPUTED: "imputed",
            SignalState.PENDING: "pending",
        }[state],
        "score": None if state == SignalState.PENDING else number(one.scores.y[0, index]),
    }


def dimensions(one: Scored) -> dict[str, Any]:
    return {
        dimension.id: {
            "score": number(one.scores.dimension_score[0, index]),
            "coverage": number(one.scores.dimension_coverage[0, index]),
            "weight": float(one.scores.dimension_weight[0, index]),
        }
        for index, dimension in enumerate(one.model.dimensions)
    }


def drivers(one: Scored, baseline: Mapping[str, float]) -> dict[str, Any]:
    points = np.array([float(baseline.get(signal.id, math.nan)) for signal in one.model.signals])
    explanation = explain(one.model, one.scores, 0, one.readings, points)
    assert explanation is not None
    silent = {signal.id: 0.0 for signal in one.model.signals}
    return {
        "baseline_signals": dict(baseline),
        "baseline_score": explanation.baseline,
        "contributions": silent | lines_of(explanation),
        "sum_check": explanation.baseline + sum(lines_of(explanation).values()) - explanation.score,
        "display_contributions": silent | dict(explanation.displayed.lines),
        "display_baseline": explanation.displayed.baseline,
        "display_score": explanation.displayed.score,
    }


def lines_of(explanation: Explanation) -> dict[str, float]:
    lines = {driver.signal: driver.points for driver in explanation.drivers}
    return lines | {GATES: sum(gate.points for gate in explanation.gates)}


def levers(one: Scored, target: float, units: Mapping[str, float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for lever in single_lever(one.situation, target, units):
        found[lever.signal] = {"possible": False, "max_gain": lever.max_gain}
        if lever.possible:
            reached = {"from": lever.start, "exact": lever.exact, "to": lever.to, "score_after": lever.score_after}
            found[lever.signal] = {"possible": True, **reached}
    return found


__all__ = ["Example", "Scored", "answer", "load", "scored"]
