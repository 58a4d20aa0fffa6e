"""Curves give points between 0 and 100 and never reward what is worse."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.score_models import one_signal

from milepost_core.cohorts import CohortColumn, Peers, gather_peers
from milepost_core.curves import age_towards_neutral, evaluate, improving_direction
from milepost_core.inverse import best_points, first_value, points_at
from milepost_core.model import BandCurve, CategoryMap, Percentile, Piecewise, Saturating, Stale, parse_model

COUNT = {"agg": "count", "where": {"type": "login"}}
BAND = BandCurve(low=0, ok_from=1, ok_to=4, high=10, floor_low=60, floor_high=0)
PEERS = Peers.exactly([1, 2, 2, 3, 4, float("nan"), 5, 6, 7, 8, 9])
RANK = Percentile(("segment",), 10, Piecewise((0, 10), (0, 100)))


def values(*xs: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(xs, dtype=np.float64)


def among(peers: Peers, accounts: int = 1) -> CohortColumn:
    return CohortColumn((peers,), np.zeros(accounts, np.int64))


def test_piecewise_is_straight_between_points_and_flat_outside() -> None:
    curve = Piecewise((0, 0.5, 0.8), (0, 70, 100))

    assert evaluate(curve, values(-1, 0.25, 0.5, 0.65, 0.8, 9)).tolist() == [0, 35, 70, 85, 100, 100]


def test_a_band_falls_to_its_floors_on_either_side() -> None:
    assert evaluate(BAND, values(-1, 0, 0.5, 1, 2, 4, 7, 10, 99)).tolist() == [60, 60, 80, 100, 100, 100, 50, 0, 0]


def test_a_band_without_slopes_is_a_step() -> None:
    step = BandCurve(low=1, ok_from=1, ok_to=4, high=4, floor_low=20, floor_high=10)

    assert evaluate(step, values(0.9, 1, 4, 4.1)).tolist() == [20, 100, 100, 10]


def test_saturation_gives_half_at_half_and_never_a_negative() -> None:
    assert evaluate(Saturating(3), values(-5, 0, 3, 6)).tolist() == [0, 0, 50, 75]


def test_words_have_points_and_unlisted_ones_the_default_or_none() -> None:
    words = np.array(["good", "odd", None, None], dtype=np.object_)
    raw = values(np.nan, np.nan, 2, np.nan)

    strict = CategoryMap((("good", 90.0), ("2", 20.0)))
    assert evaluate(strict, raw, words).tolist() == pytest.approx([90, np.nan, 20, np.nan], nan_ok=True)
    lenient = CategoryMap((("good", 90.0),), default=10.0)
    assert evaluate(lenient, raw, words).tolist() == pytest.approx([90, 10, 10, np.nan], nan_ok=True)


def test_yaml_keys_that_are_no_texts_still_name_words() -> None:
    model = parse_model(one_signal(COUNT, {"kind": "map", "values": {2: 10, True: 20, "x": 30}}))

    assert model.signals[0].normalise == CategoryMap((("2", 10.0), ("true", 20.0), ("x", 30.0)))


def test_a_percentile_is_the_share_below_and_half_the_share_equal() -> None:
    assert evaluate(RANK, values(0, 2, 2.5, 9, 10), None, among(PEERS, 5)).tolist() == [0, 20, 30, 95, 100]
    lower = Percentile(("segment",), 10, None, lower_is_better=True)
    assert evaluate(lower, values(2), None, among(PEERS)).tolist() == [80]


def test_too_few_peers_leave_the_judgement_to_the_fallback() -> None:
    few = among(Peers.exactly([1, 2, 3]))

    assert evaluate(RANK, values(5), None, few).tolist() == [50]
    assert evaluate(RANK, values(5), None, None).tolist() == [50]
    assert np.isnan(evaluate(Percentile((), 10, None), values(5), None, few)).all()


def test_accounts_are_ranked_among_those_that_share_their_key() -> None:
    raw = values(1, 100, 2, 200, 3, 300, np.nan)
    column = gather_peers(raw, ["small", "big", "small", "big", "small", "big", "small"])

    ranks = evaluate(Percentile(("segment",), 1, None), raw, None, column)
    assert ranks.tolist() == pytest.approx([100 / 6, 100 / 6, 50, 50, 500 / 6, 500 / 6, np.nan], nan_ok=True)


@given(st.lists(st.integers(0, 50), min_size=102, max_size=400), st.integers(-1, 51))
def test_a_kept_quantile_table_ranks_as_the_peers_did_within_two_points(peers: list[int], value: int) -> None:
    exact = Peers.exactly([float(peer) for peer in peers])

    ranks = [float(one.percentile(values(value))[0]) for one in (exact, exact.table())]
    assert abs(ranks[0] - ranks[1]) <= 2.0


def test_an_old_value_fades_to_neutral() -> None:
    faded = age_towards_neutral(values(90, 90, 10, 90), Stale(90, 50), values(0, 90, 180, np.nan))

    assert faded.tolist() == [90, 70, 40, 90]


@st.composite
def piecewise_curves(draw: st.DrawFn) -> Piecewise:
    xs = sorted(draw(st.sets(st.integers(-1000, 1000), min_size=1, max_size=6)))
    ys = sorted(draw(st.lists(st.floats(0, 100), min_size=len(xs), max_size=len(xs))))
    return Piecewise(tuple(float(x) for x in xs), tuple(reversed(ys) if draw(st.booleans()) else ys))


curves = st.one_of(
    piecewise_curves(),
    st.floats(0.1, 100).map(Saturating),
    st.booleans().map(lambda lower: Percentile((), 1, None, lower_is_better=lower)),
)


@given(curves, st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_a_monotone_curve_never_rewards_the_worse_value(curve: Any, one: float, other: float) -> None:
    better = max(one, other) if improving_direction(curve, one) >= 0 else min(one, other)
    worse = one + other - better if one != other else one
    points = evaluate(curve, values(better, worse), None, among(PEERS, 2))

    assert 0 <= points[1] <= points[0] + 1e-9 <= 100 + 1e-6


@given(st.one_of(curves, st.just(BAND)), st.floats(-2000, 2000), st.floats(0, 100))
def test_the_first_value_worth_enough_is_worth_enough_and_lies_on_the_way(
    curve: Any, start: float, points: float
) -> None:
    peers = among(PEERS)
    found = first_value(curve, start, points, peers)

    if found is None:
        # a limit that is approached but never reached is out of reach as well
        assert points >= best_points(curve, start, peers) - 1e-6
        return
    way = improving_direction(curve, start)
    assert (found - start) * way >= -1e-9
    beyond = points_at(curve, found + way * 1e-6 * max(1.0, abs(found)), peers)
    assert max(points_at(curve, found, peers), beyond) >= points - 1e-6
