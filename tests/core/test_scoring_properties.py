"""What holds for every score whatever the model, the readings and the moment."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.score_models import Document, document, last_signal

from milepost_core.explanation import explain
from milepost_core.model import ScoreModel, parse_model
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, score

SIGNALS = 8
ACCOUNTS = 7


@st.composite
def models(draw: st.DrawFn) -> ScoreModel:
    weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    names = [f"d{index}" for index in range(len(weights))]
    signals = [_signal(draw, f"s{index}", names[index % len(names)]) for index in range(SIGNALS)]
    stages = [
        {"id": "one", "age_days": [0, 30], "weights": _weights(draw, names)},
        {"id": "two", "age_days": [30, None], "weights": _weights(draw, names), "transition_days": 10},
    ]
    return parse_model(
        document(
            *signals,
            dimensions=[{"id": name, "weight": weight} for name, weight in zip(names, weights, strict=True)],
            stages=stages if draw(st.booleans()) else [],
            gates=[_gate("cap", cap_score=draw(st.floats(0, 100))), _gate("minus", subtract=draw(st.floats(0, 50)))],
        )
    )


def _signal(draw: st.DrawFn, name: str, dimension: str) -> Document:
    policy = draw(st.sampled_from(["exclude", "exclude", "worst", "neutral", 33.3]))
    curve = draw(
        st.sampled_from(
            [
                {"kind": "piecewise", "points": [[0, 0], [3, 70], [9, 100]]},
                {"kind": "piecewise", "points": [[1, 100], [5, 20], [6, 0]]},
                {"kind": "saturating", "half_at": 2},
                {"kind": "band", "low": 0, "ok_from": 2, "ok_to": 4, "high": 9, "floor_low": 10, "floor_high": 5},
            ]
        )
    )
    return last_signal(name, dimension, draw(st.sampled_from([0.5, 1, 2, 3])), missing=policy, normalise=curve)


def _weights(draw: st.DrawFn, names: list[str]) -> dict[str, int]:
    return {name: draw(st.integers(1, 50)) for name in names}


def _gate(name: str, **effect: Any) -> Document:
    source = {"agg": "last", "where": {"type": name}}
    return {"id": name, "when": {"source": source, "op": ">=", "value": 5}, **effect}


@st.composite
def batches(draw: st.DrawFn) -> tuple[ScoreModel, Population, Readings]:
    model = draw(models())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    readings = Readings.empty(model, ACCOUNTS)
    known = rng.random(readings.raw.shape) < draw(st.sampled_from([0.3, 0.7, 1.0]))
    readings.raw[known] = (rng.random(readings.raw.shape) * 10)[known]
    readings.status[known] = Status.OK
    readings.age_days[known] = 3.0
    readings.censored[:, 0] = known[:, 0] & (rng.random(ACCOUNTS) < 0.5)
    return model, Population(rng.random(ACCOUNTS) * 60), readings


def has_score(scores: Scores) -> Any:
    return ~np.isnan(scores.raw_score)


@settings(deadline=None)
@given(batches())
def test_effective_weights_sum_to_one_and_give_the_score(batch: Any) -> None:
    scores = score(*batch)
    some = has_score(scores)

    totals = scores.effective_weight.sum(axis=1)
    assert totals[some] == pytest.approx(1.0, abs=1e-12)
    assert not totals[~some].any()
    given_points = np.where(scores.effective_weight > 0, scores.y, 0.0)
    assert (scores.effective_weight * given_points).sum(axis=1)[some] == pytest.approx(scores.raw_score[some], abs=1e-9)


@settings(deadline=None)
@given(batches())
def test_an_account_scores_the_same_bits_alone_as_in_a_batch(batch: Any) -> None:
    model, population, readings = batch
    together = score(model, population, readings)

    for row in range(ACCOUNTS):
        alone = score(model, Population(population.age_days[row : row + 1]), readings.row(row))
        for name in ("y", "effective_weight", "coverage", "raw_score", "low", "high", "score", "display", "confidence"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[row], err_msg=name)


@settings(deadline=None)
@given(batches(), st.integers(0, 2**32 - 1))
def test_drivers_and_gates_add_up_to_the_score(batch: Any, seed: int) -> None:
    model, population, readings = batch
    scores = score(model, population, readings)
    baseline = np.random.default_rng(seed).random(SIGNALS) * 100

    for row in np.flatnonzero(has_score(scores)):
        told = explain(model, scores, int(row), readings, baseline)
        assert told is not None
        total = told.baseline + sum(driver.points for driver in told.drivers) + sum(gate.points for gate in told.gates)
        assert abs(total - told.score) <= 1e-9
        shown = [round(points * 10) for points in (told.displayed.baseline, *told.displayed.lines.values())]
        assert sum(shown) == round(float(scores.display[row]) * 10)


@settings(deadline=None)
@given(batches())
def test_everything_stays_between_its_bounds(batch: Any) -> None:
    scores = score(*batch)

    for column in (scores.low, scores.high, scores.score[has_score(scores)]):
        assert ((column >= -1e-9) & (column <= 100 + 1e-9)).all()
    for share in (scores.coverage, scores.freshness, scores.maturity, scores.confidence):
        assert ((share >= 0) & (share <= 1 + 1e-12)).all()
    assert (scores.low <= scores.high + 1e-9).all()


@settings(deadline=None)
@given(batches())
def test_the_honest_range_holds_the_score_unless_an_unavailable_dimension_was_partly_seen(batch: Any) -> None:
    model, _, _ = batch
    scores = score(*batch)
    seen_in_vain = (np.isnan(scores.dimension_score) & (np.nan_to_num(scores.dimension_coverage) > 0)).any(axis=1)
    rows = has_score(scores) & ~seen_in_vain

    assert (scores.low[rows] - 1e-9 <= scores.raw_score[rows]).all()
    assert (scores.raw_score[rows] <= scores.high[rows] + 1e-9).all()
    assert len(model.signals) == SIGNALS


@settings(deadline=None)
@given(batches())
def test_with_everything_observed_the_range_closes_on_the_score(batch: Any) -> None:
    model, population, readings = batch
    full = Readings(
        np.nan_to_num(readings.raw, nan=3.0), None, np.zeros_like(readings.status),
        np.zeros_like(readings.censored), np.zeros_like(readings.age_days),
    )  # fmt: skip
    scores = score(model, population, full)

    assert (scores.state == SignalState.OBSERVED).all()
    assert scores.coverage == pytest.approx(1.0)
    assert scores.low == pytest.approx(scores.high)
    assert scores.low == pytest.approx(scores.raw_score)
