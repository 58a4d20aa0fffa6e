"""Claims about the figures that judge a score: each comes out as worked by others, and clusters widen an interval."""

import math

import numpy as np
import pytest

from milepost_core.validation import (
    auc,
    average_precision,
    brier,
    calibration_error,
    clustered_auc,
    fit_platt,
    kolmogorov_smirnov,
    lift,
)

# Sixty predictions with their outcomes; the figures below were worked with scikit-learn 1.9.1.
P = np.array([
    0.531, 0.128, 0.045, 0.168, 0.262, 0.182, 0.274, 0.437, 0.174, 0.334, 0.219, 0.027, 0.06, 0.106, 0.327, 0.135,
    0.438, 0.12, 0.081, 0.046, 0.224, 0.152, 0.284, 0.174, 0.169, 0.036, 0.088, 0.061, 0.148, 0.01, 0.333, 0.475,
    0.103, 0.205, 0.204, 0.167, 0.333, 0.104, 0.087, 0.184, 0.07, 0.041, 0.267, 0.254, 0.131, 0.132, 0.138, 0.273,
    0.094, 0.106, 0.345, 0.238, 0.121, 0.285, 0.191, 0.166, 0.121, 0.142, 0.529, 0.186,
])  # fmt: skip
Y = np.zeros(60, dtype=bool)
Y[[0, 3, 4, 9, 31, 34, 36, 47, 51]] = True


def test_ranking_calibration_and_lift_come_out_as_published() -> None:
    found = {
        "auc": auc(P, Y), "ap": average_precision(P, Y), "brier": brier(P, Y), "ece": calibration_error(P, Y),
        "lift10": lift(P, Y), "ks": kolmogorov_smirnov(P, Y),
    }  # fmt: skip
    published = {
        "auc": 0.8376906318, "ap": 0.4804834055, "brier": 0.10750985, "ece": 0.0922833333, "lift10": 2.2222222222,
        "ks": 0.614379085,
    }  # fmt: skip
    assert found == pytest.approx(published, abs=1e-6)


def test_the_probability_of_an_outcome_is_the_maximum_likelihood_by_the_score() -> None:
    chance = np.random.default_rng(8)
    score = chance.uniform(20, 100, 20_000)
    outcome = chance.random(20_000) < 1 / (1 + np.exp(-(2.0 - 0.06 * score)))
    platt = fit_platt(score, outcome)
    p = platt.probability(score)
    assert platt.slope == pytest.approx(-0.06, abs=0.004)
    # What makes it the maximum: neither the sum of errors nor their sum along the score is anything but nought.
    assert abs(float((outcome - p).sum())) < 1e-6
    assert abs(float(((outcome - p) * score).sum())) < 1e-4


def test_a_score_that_rises_with_churn_gets_no_probability_that_does_so_too() -> None:
    score = np.linspace(0, 100, 200)
    outcome = score > 60
    platt = fit_platt(score, outcome)
    assert platt.slope == 0.0
    assert platt.probability(score) == pytest.approx(np.full(200, outcome.mean()))


def test_one_row_a_cluster_gives_the_interval_of_independent_rows() -> None:
    area = clustered_auc(P, Y, np.arange(60))
    positive, negative = P[Y], P[~Y]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    delong = wins.mean(axis=1).var(ddof=1) / positive.size + wins.mean(axis=0).var(ddof=1) / negative.size
    assert area.value == pytest.approx(0.8376906318)
    assert area.high - area.low == pytest.approx(2 * 1.959963984540054 * math.sqrt(delong), rel=1e-9)


def test_the_same_rows_again_make_no_interval_narrower() -> None:
    once = clustered_auc(P, Y, np.arange(60))
    many = clustered_auc(np.tile(P, 9), np.tile(Y, 9), np.tile(np.arange(60), 9))
    naive = clustered_auc(np.tile(P, 9), np.tile(Y, 9), np.arange(540))
    assert many.value == pytest.approx(once.value)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=1e-6)
    assert naive.high - naive.low < (once.high - once.low) / 2


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        own = chance.normal(size=80)
        risk = np.repeat(own, 5) + 0.3 * chance.normal(size=400)
        outcome = np.repeat(chance.random(80) < 0.3, 5)
        covered += clustered_auc(risk, outcome, np.repeat(np.arange(80), 5)).chance_inside
    assert 180 <= covered <= 199


def test_nothing_on_one_side_is_no_area() -> None:
    assert math.isnan(auc(P, np.zeros(60, dtype=bool)))
    assert not clustered_auc(P, np.ones(60, dtype=bool), np.arange(60)).chance_inside
