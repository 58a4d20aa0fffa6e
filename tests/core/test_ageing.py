"""Claims about what time alone does to a measure: foretold where its parts allow it, and the same for peers."""

from typing import Any

import numpy as np
import pytest
from support.score_models import document

from milepost_core.ageing import is_blind, peers_later, value_later
from milepost_core.cohorts import gather_peers
from milepost_core.model import ScoreModel, parse_model
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, score
from milepost_core.silence import quiet_days

FADED = {"agg": "decayed_sum", "where": {"type": "use"}, "half_life": 2}
WEEKLY = {"agg": "rate", "where": {"type": "use"}, "window_days": 28}
SINCE = {"agg": "days_since_last", "where": {"type": "use"}}
COUNT = {"agg": "count", "where": {"type": "use"}}
RANK = {"kind": "percentile", "min_cohort": 2}
LINE = {"kind": "piecewise", "points": [[0, 100], [100, 0]]}


def model_of(source: dict[str, Any], curve: dict[str, Any] = LINE) -> ScoreModel:
    one = {"id": "s0", "dimension": "d0", "source": source, "normalise": curve}
    return parse_model(document(one, dimensions=[{"id": "d0", "weight": 1}]))


def ratio(num: dict[str, Any], den: Any, **more: Any) -> dict[str, Any]:
    return {"agg": "ratio", "num": num, "den": den, **more}


def later(source: dict[str, Any], value: float, age: float = 10.0, days: float = 4.0) -> float:
    found = value_later(
        model_of(source).signals[0].source, np.array([value]), np.array([False]), np.array([age]), np.array([days])
    )
    return float(found[0])


def blind(source: dict[str, Any], value: float) -> bool:
    return bool(is_blind(model_of(source).signals[0].source, np.array([value]))[0])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (ratio(FADED, "seats"), 2.0),  # two half-lives
        (ratio(FADED, COUNT), 2.0),
        (ratio(COUNT, FADED), 32.0),
        (ratio(WEEKLY, 3), 8.0 * 10 / 14),
        (ratio(FADED, WEEKLY), 2.0 * 14 / 10),
        (ratio(SINCE, 2), 10.0),
        (ratio(COUNT, "seats"), 8.0),
    ],
)
def test_a_ratio_is_foretold_from_what_it_is_made_of(source: dict[str, Any], expected: float) -> None:
    assert not blind(source, 8.0)
    assert later(source, 8.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (ratio(SINCE, "seats"), 3.0),
        (ratio(FADED, SINCE), 3.0),
        (ratio(FADED, "seats", max=1), 1.0),
        (ratio(FADED, COUNT, zero_den=0.5), 0.5),
    ],
)
def test_a_ratio_that_needs_its_parts_says_so_and_stays(source: dict[str, Any], value: float) -> None:
    assert blind(source, value)
    assert later(source, value) == value


def told(model: ScoreModel, *values: float) -> Readings:
    readings = Readings.empty(model, len(values))
    readings.raw[:, 0], readings.status[:, 0], readings.age_days[:, 0] = values, Status.OK, 0.0
    return readings


@pytest.mark.parametrize(("source", "waits"), [(ratio(FADED, "seats"), True), (ratio(SINCE, "seats"), False)])
def test_only_a_ratio_that_is_not_foretold_is_looked_at_every_hour(source: dict[str, Any], waits: bool) -> None:
    model = model_of(source)
    readings, ages = told(model, 0.001), np.array([50.0])
    scores = score(model, Population(ages), readings)
    (quiet,) = quiet_days(model, readings, scores, ages, np.array([1.0]))
    assert (quiet > 1 / 24) is np.bool_(waits)


def test_time_alone_changes_no_rank_so_nobody_is_looked_at_for_it() -> None:
    model = model_of(SINCE, RANK)
    readings, ages = told(model, 1.0, 1.5, 9.0), np.full(3, 50.0)
    cohort = {"s0": gather_peers(readings.raw[:, 0], [""] * 3)}
    scores = score(model, Population(ages), readings, cohort)
    assert quiet_days(model, readings, scores, ages, np.full(3, 1.0), cohort).tolist() == [1.0] * 3


@pytest.mark.parametrize("source", [SINCE, FADED, WEEKLY, ratio(FADED, "seats"), {"agg": "time_to_first", "where": {}}])
@pytest.mark.parametrize("many", [5, 300])
def test_peers_that_move_along_leave_every_rank_as_it_was(source: dict[str, Any], many: int) -> None:
    model, ages, days = model_of(source, RANK), np.linspace(20.0, 30.0, many), 0.041
    before = told(model, *np.round(np.linspace(0.5, 19.5, many), 3))
    before.censored[:, 0] = source["agg"] == "time_to_first"
    column = gather_peers(before.raw[:, 0], [""] * many)
    kept = {"s0": type(column)(tuple(one.table() for one in column.peers), column.group)}
    own = model.signals[0].source
    raw = value_later(own, before.raw[:, 0], before.censored[:, 0], ages, np.full(many, days))
    after = told(model, *raw)
    after.censored[:, 0] = before.censored[:, 0]
    peers = peers_later(model, kept, after, ages + days, days)
    then = score(model, Population(ages), before, kept).y[:, 0]
    np.testing.assert_allclose(score(model, Population(ages + days), after, peers).y[:, 0], then, atol=1e-6)
